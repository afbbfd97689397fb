"""Ensemble states: every cell of the table, and what a failed load leaves alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_service.registry import EnsembleUnavailable, Registry, summarise
from elitscope_service.status import EnsembleState
from tests.support.bundles import make_bundle


def open_on_cpu(bundle: Bundle) -> Ensemble:
    return open_ensemble(bundle, device="cpu", precision="fp32", threads=1)


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
    assert summarise(ensemble).members == (0, 1, 2)


def test_loading_what_is_ready_changes_nothing(folder: Path) -> None:
    registry = registry_of(folder)
    ensemble = registry.load("toy")
    damage(folder)
    assert registry.load("toy") is ensemble
    assert state(registry) is EnsembleState.READY


def test_what_is_being_loaded_can_not_be_loaded_again_meanwhile(folder: Path) -> None:
    seen = []

    def meddle(bundle: Bundle) -> Ensemble:
        seen.append(state(registry))
        with pytest.raises(EnsembleUnavailable, match="is being loaded"):
            registry.load("toy")
        return open_on_cpu(bundle)

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

    def opener(bundle: Bundle) -> Ensemble:
        if bundle.manifest.name == "bad":
            raise error
        return open_on_cpu(bundle)

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
