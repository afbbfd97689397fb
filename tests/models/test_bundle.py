from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elitscope_models.bundle import Bundle, BundleInvalid, Manifest, load_bundle, read_member, write_bundle
from tests.support.bundles import dot_network, make_bundle, toy_manifest

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "toy", members=2).path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def change_manifest(folder: Path, change: Change) -> None:
    file = folder / "manifest.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_a_written_bundle_loads_as_it_was_written(tmp_path: Path) -> None:
    files = {0: dot_network(1.0), 7: dot_network(1.5)}
    manifest = toy_manifest(files)
    written = write_bundle(tmp_path / "zoo" / "toy", manifest, files)
    loaded = load_bundle(tmp_path / "zoo" / "toy")
    assert loaded == written
    assert loaded.manifest == manifest
    assert {member: read_member(loaded, member) for member in manifest.member_ids} == files


def test_the_same_content_gives_the_same_bytes_and_digest(tmp_path: Path) -> None:
    first, second = make_bundle(tmp_path / "a"), make_bundle(tmp_path / "b")
    assert first.digest == second.digest
    for name in names(first.path):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()
    assert make_bundle(tmp_path / "c", version="2").digest != first.digest


def test_nothing_but_the_bundle_is_left_behind(tmp_path: Path) -> None:
    make_bundle(tmp_path / "toy", members=1)
    assert names(tmp_path) == ["toy"]
    assert names(tmp_path / "toy") == ["manifest.json", "member-00.onnx"]


def test_a_bundle_that_fails_its_own_checks_is_not_written(tmp_path: Path) -> None:
    files = {0: b"not onnx"}
    with pytest.raises(BundleInvalid, match="not an ONNX file"):
        write_bundle(tmp_path / "toy", toy_manifest(files), files)
    assert names(tmp_path) == []


def test_members_that_the_manifest_does_not_list_are_refused(tmp_path: Path) -> None:
    files = {0: dot_network()}
    with pytest.raises(BundleInvalid, match=r"members \[0, 1\] were given, but the manifest lists \[0\]"):
        write_bundle(tmp_path / "toy", toy_manifest(files), {**files, 1: dot_network()})


def test_a_bundle_is_replaced_only_when_asked(tmp_path: Path) -> None:
    make_bundle(tmp_path / "toy", version="1")
    with pytest.raises(BundleInvalid, match="already there"):
        make_bundle(tmp_path / "toy", version="2")
    assert load_bundle(tmp_path / "toy").manifest.version == "1"
    make_bundle(tmp_path / "toy", version="2", overwrite=True)
    assert load_bundle(tmp_path / "toy").manifest.version == "2"
    assert names(tmp_path) == ["toy"]


BROKEN: list[tuple[str, Change, str]] = [
    ("another format version", lambda m: m.update(format_version=2), "format_version 2"),
    ("an unknown key", lambda m: m.update(colour="red"), "colour 'red': Extra inputs"),
    ("an unknown key deeper down", lambda m: m["members"][0].update(weight=1), r"members\.0\.weight 1: Extra inputs"),
    ("a missing key", lambda m: m.pop("stride"), "stride: Field required"),
    ("a number in words", lambda m: m.update(stride="8"), "stride '8'"),
    ("a name with a capital", lambda m: m.update(name="Toy"), "name 'Toy'"),
    ("a name that ends in a newline", lambda m: m.update(name="toy\n"), r"name 'toy\\n'"),
    ("a way out of the folder", lambda m: m["members"][0].update(file="../x.onnx"), r"members\.0\.file '\.\./x\.onnx'"),
    ("an absolute path", lambda m: m["members"][0].update(file="/etc/x.onnx"), "'/etc/x.onnx'"),
    ("another kind of file", lambda m: m["members"][0].update(file="member-00.pkl"), "'member-00.pkl'"),
    ("a short checksum", lambda m: m["members"][0].update(sha256="ab"), r"members\.0\.sha256 'ab'"),
    ("the same id twice", lambda m: m["members"][1].update(id=0), "member id 0 is there more than once"),
    (
        "the same file twice",
        lambda m: m["members"][1].update(file="member-00.onnx"),
        "member file 'member-00.onnx' is there more than once",
    ),
    ("the same class twice", lambda m: m.update(classes=[{"name": "C"}, {"name": "C"}]), "class 'C' is there more than once"),
    ("no members", lambda m: m.update(members=[]), "members"),
    ("no classes", lambda m: m.update(classes=[]), "classes"),
    ("a sampling of zero", lambda m: m.update(sampling=0), "sampling 0"),
    ("a sampling outside its own range", lambda m: m.update(sampling=0.3), r"sampling 0\.3 lies outside sampling_range \[0\.05, 0\.2\]"),
    ("an unknown normalisation", lambda m: m["normalisation"].update(kind="wishful"), "wishful"),
    ("an unknown domain", lambda m: m["training"].update(domain="hearsay"), "hearsay"),
    ("a stride that the pooling does not divide", lambda m: m.update(stride=4), "pools on a grid of 8 px"),
    ("classes that the networks do not have", lambda m: m.update(classes=[{"name": "C"}, {"name": "Si"}]), "has 1 channels"),
]


@pytest.mark.parametrize(("change", "complaint"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_manifest_is_refused_with_the_value_that_is_wrong(folder: Path, change: Change, complaint: str) -> None:
    change_manifest(folder, change)
    with pytest.raises(BundleInvalid, match=complaint) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"{", "not JSON"), (b"\xff\xfe", "not JSON"), (b"[]", "manifest"), (b'{"name": 1, "name": 2}', "twice"), (b" " * (1 << 21), "bytes")],
)
def test_a_manifest_that_is_no_manifest_is_refused(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleInvalid, match=complaint):
        load_bundle(folder)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="not a bundle"):
        load_bundle(tmp_path / "nowhere")


def test_a_missing_member_is_named(folder: Path) -> None:
    (folder / "member-01.onnx").unlink()
    with pytest.raises(BundleInvalid, match="member 1 is missing"):
        load_bundle(folder)


def test_a_member_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "member-01.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "member-01.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(BundleInvalid, match="not a plain file"):
        load_bundle(folder)


def test_a_changed_member_is_noticed_on_loading_and_again_on_reading(folder: Path) -> None:
    bundle = load_bundle(folder)
    (folder / "member-01.onnx").write_bytes(dot_network(3.0))
    for read in (lambda: load_bundle(folder), lambda: read_member(bundle, 1)):
        with pytest.raises(BundleInvalid, match="sha256"):
            read()


def test_without_verification_a_stated_halo_saves_reading_the_members(folder: Path) -> None:
    change_manifest(folder, lambda m: m["architecture"].update(halo=48))
    (folder / "member-01.onnx").unlink()
    assert load_bundle(folder, verify=False).halo == 48


def test_a_stated_halo_can_only_widen_what_the_graph_says(folder: Path) -> None:
    from_graph = load_bundle(folder).halo
    for stated, used in ((from_graph + 40, from_graph + 40), (1, from_graph)):
        change_manifest(folder, lambda m, stated=stated: m["architecture"].update(halo=stated))
        assert load_bundle(folder).halo == used


def test_an_unknown_member_is_a_key_error(bundle: Bundle) -> None:
    with pytest.raises(KeyError, match=r"no member 9: it has \[0, 1, 2\]"):
        read_member(bundle, 9)


@given(name=st.text(max_size=70))
def test_only_names_that_are_safe_as_folders_keys_and_labels_pass(name: str) -> None:
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
    safe = 1 <= len(name) <= 64 and set(name) <= set(allowed) and name[0] not in "_.-"
    content = toy_manifest({0: b""}).model_dump()
    if safe:
        assert Manifest.model_validate(content | {"name": name}).name == name
    else:
        with pytest.raises(ValueError, match="name"):
            Manifest.model_validate(content | {"name": name})
