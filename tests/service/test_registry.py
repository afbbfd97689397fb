"""Ensemble states: every cell of the table, and what a failed load leaves alone."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from elitscope_models.agreement import Agreement
from elitscope_models.bundle import load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_service.registry import (
    EnsembleBusy,
    EnsembleExists,
    EnsembleShipped,
    EnsembleUnavailable,
    EnsembleUnknown,
    Registry,
    summarise,
)
from elitscope_service.status import AgreementStatus, EnsembleState, EnsembleStatus
from tests.support.bundles import make_bundle
from tests.support.hostile import write_unchecked


def open_on_cpu(path: Path) -> Ensemble:
    return open_ensemble(load_bundle(path), device="cpu", precision="fp32", threads=1)


@pytest.fixture
def folder(toy_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy bundle's folder, to be damaged at will."""
    shutil.copytree(toy_folder, tmp_path / "bundles")
    return tmp_path / "bundles"


def registry_of(*folders: Path) -> Registry:
    registry = Registry(open_on_cpu)
    registry.scan(folders)
    return registry


def state(registry: Registry, name: str = "toy") -> EnsembleState:
    return next(status.state for status in registry.status() if status.name == name)


def damage(folder: Path, name: str = "toy") -> Path:
    member = folder / name / "member-01.onnx"
    member.write_bytes(member.read_bytes()[:-1] + b"?")
    return member


def test_what_is_found_is_on_disk_and_no_frame_sees_it(folder: Path) -> None:
    registry = registry_of(folder)
    assert state(registry) is EnsembleState.ON_DISK
    assert registry.ready("toy") is None


def test_a_loaded_ensemble_is_ready_and_described(folder: Path) -> None:
    registry = registry_of(folder)
    ensemble = registry.load("toy")
    assert registry.ready("toy") is ensemble
    (status,) = registry.status()
    assert (status.state, status.version, status.classes, [m.id for m in status.members]) == (EnsembleState.READY, "1", ("C",), [0, 1, 2])
    assert status.plan == ensemble.plan()
    assert (status.precision, status.agreement) == ("fp32", None)
    assert summarise(ensemble).members == (0, 1, 2)


def test_what_a_lower_precision_has_shown_is_told(folder: Path) -> None:
    registry = registry_of(folder)
    registry.load("toy", lambda path: replace(open_on_cpu(path), agreement=Agreement("bf16", 0.001, 0.002, 0.02, speedup=3.0)))
    (status,) = registry.status()
    assert status.agreement == AgreementStatus(precision="bf16", mean=0.001, std=0.002, coordinates_px=0.02, speedup=3.0)
    assert EnsembleStatus.model_validate_json(status.model_dump_json()) == status


def test_loading_what_is_ready_changes_nothing(folder: Path) -> None:
    registry = registry_of(folder)
    ensemble = registry.load("toy")
    damage(folder)
    assert registry.load("toy") is ensemble
    assert state(registry) is EnsembleState.READY


def test_what_is_being_loaded_can_not_be_loaded_again_meanwhile(folder: Path) -> None:
    seen = []

    def meddle(path: Path) -> Ensemble:
        seen.append(state(registry))
        with pytest.raises(EnsembleUnavailable, match="is being loaded"):
            registry.load("toy")
        return open_on_cpu(path)

    registry = Registry(meddle)
    registry.scan([folder])
    registry.load("toy")
    assert seen == [EnsembleState.LOADING]
    assert state(registry) is EnsembleState.READY


def test_a_bundle_that_does_not_match_its_checksums_fails_and_says_so(folder: Path) -> None:
    registry = registry_of(folder)
    damage(folder)
    with pytest.raises(EnsembleUnavailable, match="sha256"):
        registry.load("toy")
    (status,) = registry.status()
    assert status.state is EnsembleState.FAILED
    assert status.why is not None and "member-01.onnx" in status.why
    assert registry.ready("toy") is None


def test_a_failed_one_can_be_loaded_once_it_is_repaired(folder: Path, toy_folder: Path) -> None:
    registry = registry_of(folder)
    member = damage(folder)
    with pytest.raises(EnsembleUnavailable):
        registry.load("toy")
    shutil.copy(toy_folder / "toy" / member.name, member)
    registry.load("toy")
    (status,) = registry.status()
    assert (status.state, status.why) == (EnsembleState.READY, None)


@pytest.mark.parametrize("error", [RuntimeError("no such device"), MemoryError(), ValueError("x")])
def test_a_runtime_that_raises_anything_fails_that_load_alone(folder: Path, error: Exception) -> None:
    make_bundle(folder / "bad", members=1, name="bad")

    def opener(path: Path) -> Ensemble:
        if path.name == "bad":
            raise error
        return open_on_cpu(path)

    registry = Registry(opener)
    registry.scan([folder])
    ready = registry.load("toy")
    with pytest.raises(EnsembleUnavailable, match="'bad' could not be loaded"):
        registry.load("bad")
    assert (state(registry, "bad"), state(registry, "toy")) == (EnsembleState.FAILED, EnsembleState.READY)
    assert registry.ready("toy") is ready


def test_an_unknown_name_is_answered_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(EnsembleUnavailable, match="no ensemble 'gold': there are toy"):
        registry_of(folder).load("gold")


def test_a_manifest_that_can_not_be_read_is_listed_as_failed_beside_the_others(folder: Path) -> None:
    broken = folder / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text(json.dumps({"name": "x"}))
    registry = registry_of(folder)
    assert [(s.name, s.state) for s in registry.status()] == [("broken", EnsembleState.FAILED), ("toy", EnsembleState.ON_DISK)]
    assert registry.load_first().bundle.manifest.name == "toy"


def test_the_first_that_holds_up_is_taken(folder: Path) -> None:
    make_bundle(folder / "a", members=1, name="a")
    damaged = folder / "a" / "member-00.onnx"
    damaged.write_bytes(b"?")
    registry = registry_of(folder)
    assert registry.load_first().bundle.manifest.name == "toy"
    assert state(registry, "a") is EnsembleState.FAILED


def test_where_none_holds_up_every_reason_is_given(folder: Path) -> None:
    damage(folder)
    with pytest.raises(EnsembleUnavailable, match=r"'toy' could not be loaded.*sha256"):
        registry_of(folder).load_first()


def test_no_bundles_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EnsembleUnavailable, match="no bundle was found"):
        registry_of(tmp_path).load_first()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnsembleUnavailable, match="none is no folder"):
        registry_of(tmp_path / "none")


def test_a_bundle_itself_can_be_named(folder: Path) -> None:
    assert [s.name for s in registry_of(folder / "toy").status()] == ["toy"]


def test_of_two_with_one_name_the_first_found_stays(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_bundle(tmp_path / "more" / "toy", members=1)
    registry = registry_of(folder, tmp_path / "more")
    (status,) = registry.status()
    assert status.path == str(folder / "toy")
    assert "is left out" in caplog.text


def test_a_bundle_that_became_another_one_is_refused(folder: Path) -> None:
    registry = registry_of(folder)
    make_bundle(folder / "toy", members=1, name="other", overwrite=True)
    with pytest.raises(EnsembleUnavailable, match="has become 'other'"):
        registry.load("toy")


# ---------------------------------------------------------------------------------------- unload, delete, add, rescan: every cell


def loading(folder: Path, during: Callable[[Registry], None]) -> Registry:
    """A registry that does something while `toy` is being loaded."""

    def opener(path: Path) -> Ensemble:
        during(registry)
        return open_on_cpu(path)

    registry = Registry(opener, uploads=folder)
    registry.scan([folder])
    registry.load("toy")
    return registry


def test_an_unloaded_ensemble_is_on_disk_again_and_its_memory_is_nobodys(folder: Path) -> None:
    registry = registry_of(folder)
    gone = weakref.ref(registry.load("toy"))
    assert registry.unload("toy") is gone()
    assert state(registry) is EnsembleState.ON_DISK
    assert registry.ready("toy") is None
    assert gone() is None


def test_unloading_what_is_not_loaded_changes_nothing(folder: Path) -> None:
    registry = registry_of(folder)
    assert registry.unload("toy") is None
    assert state(registry) is EnsembleState.ON_DISK
    damage(folder)
    with pytest.raises(EnsembleUnavailable):
        registry.load("toy")
    before = registry.status()
    assert registry.unload("toy") is None
    assert registry.status() == before


def test_what_is_being_loaded_can_be_neither_unloaded_nor_deleted(folder: Path) -> None:
    def meddle(registry: Registry) -> None:
        with pytest.raises(EnsembleBusy, match="is being loaded"):
            registry.unload("toy")
        with pytest.raises(EnsembleBusy, match="is being loaded"):
            registry.remove("toy")
        registry.rescan()
        assert state(registry) is EnsembleState.LOADING

    assert state(loading(folder, meddle)) is EnsembleState.READY


@pytest.mark.parametrize("loaded", [False, True])
def test_an_uploaded_ensemble_can_be_removed_and_its_folder_is_left_to_the_caller(folder: Path, loaded: bool) -> None:
    registry = Registry(open_on_cpu, uploads=folder)
    registry.scan([folder])
    ensemble = registry.load("toy") if loaded else None
    assert registry.status()[0].uploaded
    assert registry.remove("toy") == (folder / "toy", ensemble)
    assert registry.status() == ()
    assert (folder / "toy" / "manifest.json").is_file()


def test_what_was_not_uploaded_can_not_be_removed(folder: Path, tmp_path: Path) -> None:
    registry = Registry(open_on_cpu, uploads=tmp_path / "uploads")
    registry.scan([folder])
    assert not registry.status()[0].uploaded
    with pytest.raises(EnsembleShipped, match="only uploaded ones"):
        registry.remove("toy")
    assert state(registry) is EnsembleState.ON_DISK


@pytest.mark.parametrize("change", ["load", "unload", "remove"])
def test_what_is_not_there_can_not_be_changed(folder: Path, change: str) -> None:
    with pytest.raises(EnsembleUnknown, match="no ensemble 'gold': there are toy"):
        getattr(registry_of(folder), change)("gold")


def test_a_bundle_can_be_added_and_its_name_is_then_taken(folder: Path, tmp_path: Path) -> None:
    registry = registry_of(folder)
    make_bundle(tmp_path / "new", members=1, name="new")
    registry.add(tmp_path / "new")
    assert state(registry, "new") is EnsembleState.ON_DISK
    make_bundle(tmp_path / "again", members=1, name="new")
    with pytest.raises(EnsembleExists, match="'new' already"):
        registry.add(tmp_path / "again")


def test_a_rescan_finds_what_came_changed_and_went_and_leaves_what_is_loaded(folder: Path) -> None:
    make_bundle(folder / "going", members=1, name="going")
    make_bundle(folder / "changing", members=1, name="changing", version="1")
    (folder / "mended").mkdir()
    (folder / "mended" / "manifest.json").write_text("{")
    registry = registry_of(folder)
    registry.load("toy")
    shutil.rmtree(folder / "toy")
    shutil.rmtree(folder / "going")
    make_bundle(folder / "changing", members=2, name="changing", version="2", overwrite=True)
    make_bundle(folder / "mended", members=1, name="mended", overwrite=True)
    make_bundle(folder / "coming", members=1, name="coming")
    registry.rescan()
    found = {status.name: (status.state, status.version) for status in registry.status()}
    on_disk = EnsembleState.ON_DISK
    assert found == {
        "changing": (on_disk, "2"),
        "coming": (on_disk, "1"),
        "mended": (on_disk, "1"),
        "toy": (EnsembleState.READY, "1"),
    }


def test_finding_a_bundle_opens_nothing_but_its_manifest(tmp_path: Path) -> None:
    write_unchecked(tmp_path / "bundles" / "bad", b"not a network at all")
    registry = registry_of(tmp_path / "bundles")
    assert state(registry, "bad") is EnsembleState.ON_DISK
