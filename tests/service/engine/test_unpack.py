"""Zip files from strangers: what is let in, what is refused in which words, and that nothing is ever written outside."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from elitscope_models.bundle import BundleInvalid, load_bundle
from elitscope_service.engine.unpack import MOST_ENTRIES, unpack
from tests.support import hostile
from tests.support.bundles import dot_network

MIB = 1 << 20
SOUND = hostile.bundle_files(dot_network(), "sent")


def take_in(data: bytes, tmp_path: Path, most_bytes: int = 64 * MIB) -> Path:
    archive = tmp_path / "sent.zip"
    archive.write_bytes(data)
    unpack(archive, tmp_path / "inside" / "new", most_bytes)
    return tmp_path / "inside" / "new"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()


@pytest.mark.parametrize("top", ["", "sent/", "My-Bundle.v2/"])
def test_a_bundle_is_let_in_flat_or_in_one_folder(tmp_path: Path, top: str) -> None:
    folder = take_in(hostile.zipped({f"{top}{name}": content for name, content in SOUND.items()}), tmp_path)
    assert load_bundle(folder).manifest.name == "sent"
    assert (folder / hostile.MEMBER).read_bytes() == SOUND[hostile.MEMBER]


def test_entries_that_are_folders_and_files_for_people_are_no_trouble(tmp_path: Path) -> None:
    files = {"sent/": b"", **{f"sent/{name}": content for name, content in SOUND.items()}, "sent/README.md": b"#", "sent/LICENSE": b"MIT"}
    assert (take_in(hostile.zipped(files), tmp_path) / "README.md").read_bytes() == b"#"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.onnx", "leads elsewhere"),
        ("a/../../evil.onnx", "leads elsewhere"),
        ("/etc/evil.onnx", "leads elsewhere"),
        ("//evil.onnx", "leads elsewhere"),
        ("..\\evil.onnx", "is unknown"),
        ("C:\\evil.onnx", "is unknown"),
        ("sub/member-01.onnx", "lies beside"),
        ("evil.pkl", "is unknown"),
        ("evil.py", "is unknown"),
        (".onnx", "is unknown"),
        ("member\x00.onnx", "is unknown"),
        ("memb\u00e9r.onnx", "is unknown"),
        ("a" * 80 + ".onnx", "is unknown"),
        ("Manifest.JSON", "is unknown"),
        ("MEMBER-00.onnx", "more than once"),
    ],
)
def test_a_name_that_a_bundle_does_not_have_is_refused_and_nothing_is_written(tmp_path: Path, name: str, why: str) -> None:
    out = io.BytesIO(hostile.zipped(SOUND))
    entry = zipfile.ZipInfo()
    entry.filename = entry.orig_filename = name
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(entry, b"x")
    with pytest.raises(BundleInvalid, match=why):
        take_in(out.getvalue(), tmp_path)
    assert list((tmp_path / "inside").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "sent.zip"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="is a link or a device"):
        take_in(hostile.zipped_link(SOUND, "README.md", "/etc/passwd"), tmp_path)


def test_what_would_grow_too_large_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match=r"it would take \d+ bytes: a bundle takes at most 1048576"):
        take_in(hostile.zipped(SOUND | {"member-01.onnx": bytes(2 * MIB)}), tmp_path, most_bytes=MIB)
    assert list((tmp_path / "inside").iterdir()) == []


def test_what_grows_out_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match="more than 200 times as many"):
        take_in(hostile.zipped({"member-01.onnx": bytes(40 * MIB)}), tmp_path)


def test_a_size_that_is_a_lie_does_not_help(tmp_path: Path) -> None:
    data = bytearray(hostile.zipped({"README": bytes(MIB)}))
    honest = MIB.to_bytes(4, "little")
    assert data.count(honest) == 2
    with pytest.raises(BundleInvalid, match="no zip file that can be read"):
        take_in(bytes(data.replace(honest, (10).to_bytes(4, "little"))), tmp_path)
    assert sum(file.stat().st_size for file in (tmp_path / "inside").rglob("*")) < MIB


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match=f"at most {MOST_ENTRIES} files"):
        take_in(hostile.zipped({f"member-{i}.onnx": b"" for i in range(MOST_ENTRIES + 1)}), tmp_path)


def test_an_encrypted_or_unusually_packed_entry_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("README", b"x")
    with pytest.raises(BundleInvalid, match="encrypted or packed in an unusual way"):
        take_in(out.getvalue(), tmp_path)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x03\x04 and so on", id="the beginning of one"),
        pytest.param(hostile.zipped(SOUND)[:-30], id="cut off"),
        pytest.param(b"\x80\x04\x95" + bytes(100), id="a pickle"),
        pytest.param(flipped(hostile.zipped(SOUND), 60), id="damaged"),
    ],
)
def test_what_is_no_zip_file_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BundleInvalid, match="no zip file that can be read"):
        take_in(data, tmp_path)
