"""The engine's half of loading, unloading and deleting: every row of its table, in every order, and interrupted anywhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elitscope_models.bundle import BundleInvalid, load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_service.engine.ensemble_settling import EnsembleSettler
from elitscope_service.engine.ensembles import EnsembleThread
from elitscope_service.engine.loaded import remembered_ensembles, save_loaded
from elitscope_service.registry import Registry
from elitscope_service.selection import Selection, Selections
from elitscope_service.status import EnsembleState
from elitscope_service.store import keys
from elitscope_service.store.audit import FIELD
from elitscope_service.store.documents import AuditEntry, EnsembleRecord, EnsembleWish, LoadedEnsembles
from tests.support.bundles import make_bundle
from tests.support.server import wait_until


class GatedOpening:
    """Opens in this process, without a trial, once the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.opened: list[str] = []
        self.trials = self

    def stop(self) -> None:
        self.gate.set()

    def tried(self, path: Path) -> Ensemble:
        self.opened.append(path.name)
        assert self.gate.wait(120)
        if path.name == "broken":
            raise BundleInvalid("its networks are broken")
        return open_ensemble(load_bundle(path), device="cpu", precision="fp32", threads=1)

    def forget(self, path: Path) -> None:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


class Half:
    """An engine's half over a store; another one over the same folder is the engine after a restart."""

    def __init__(self, store: Any, folder: Path) -> None:
        self.store = store
        self.opening = GatedOpening()
        self.registry = Registry(self.opening.tried, uploads=folder / "bundles")
        self.registry.scan([folder / "bundles"])
        self.selections = Selections(Selection("toy", (0,), revision=1))
        opening: Any = self.opening
        self.thread = EnsembleThread(self.registry, opening, folder / "bundles", lambda: None)
        self.file = folder / "ensembles.json"
        self.settler = EnsembleSettler(store, self.registry, self.thread, self.selections, self.file, lambda: 5.0)

    def __enter__(self) -> Half:
        self.thread.start()
        self.settler.remember()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.stop()
        assert self.thread.join(120)

    def wish(self, action: Any, name: str, command: str) -> None:
        wish = EnsembleWish(action=action, ensemble=name, author="ana", role="operator", at=1.0, command=command)
        self.store.set(keys.ensemble_command(command), EnsembleRecord(fingerprint="f").dumps())
        self.store.rpush(keys.ENSEMBLE_WISHES, wish.dumps())

    def record(self, command: str) -> EnsembleRecord:
        return EnsembleRecord.loads(self.store.get(keys.ensemble_command(command)))

    def settled(self, command: str) -> tuple[str, str]:
        def look() -> EnsembleRecord | None:
            self.settler.round()
            record = self.record(command)
            return record if record.is_settled else None

        record = wait_until(look)
        return record.status, record.code

    def do(self, action: str, name: str, command: str) -> tuple[str, str]:
        self.wish(action, name, command)
        return self.settled(command)

    def state(self, name: str) -> EnsembleState | None:
        status = self.registry.status_of(name)
        return None if status is None else status.state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("toy", "other", "broken"):
        make_bundle(tmp_path / "bundles" / name, members=1, name=name)
    return tmp_path


@pytest.fixture
def half(store: Any, folder: Path) -> Iterator[Half]:
    with Half(store, folder) as running:
        yield running


def audit(store: Any) -> list[tuple[str, str | None, str, str]]:
    entries = (AuditEntry.loads(fields[FIELD]) for _, fields in store.xrange(keys.AUDIT))
    return [(entry.action, entry.subject, entry.outcome, entry.code) for entry in entries]


def test_loaded_unloaded_deleted_each_with_its_outcome_and_its_entry(half: Half, store: Any, folder: Path) -> None:
    assert half.do("load", "other", "c1") == ("applied", "")
    record = half.record("c1")
    assert record.ensemble is not None and (record.ensemble.state, record.at) == (EnsembleState.READY, 5.0)
    assert half.do("unload", "other", "c2") == ("applied", "")
    assert half.state("other") is EnsembleState.ON_DISK
    assert half.do("delete", "other", "c3") == ("applied", "")
    wait_until(lambda: sorted(path.name for path in (folder / "bundles").iterdir() if not path.name.startswith(".")) == ["broken", "toy"])
    assert audit(store) == [(action, "other", "applied", "") for action in ("load", "unload", "delete")]
    assert store.lrange(keys.ENSEMBLE_WISHES, 0, -1) == []


def test_a_load_that_fails_leaves_everything_as_it_was_and_says_why(half: Half) -> None:
    assert half.do("load", "other", "c1") == ("applied", "")
    before = half.registry.ready("other")
    assert half.do("load", "broken", "c2") == ("refused", "bundle_invalid")
    assert "its networks are broken" in half.record("c2").detail
    assert half.state("broken") is EnsembleState.FAILED
    assert half.registry.ready("other") is before
    assert half.do("load", "gold", "c3") == ("refused", "ensemble_unknown")


@pytest.mark.parametrize("action", ["unload", "delete"])
def test_what_a_selection_names_stays(half: Half, action: str) -> None:
    half.do("load", "other", "c1")
    half.selections.put("haadf", Selection("other", (0,), revision=2, touched=True))
    assert half.do(action, "other", "c2") == ("refused", "ensemble_in_use")
    assert "haadf" in half.record("c2").detail
    assert half.state("other") is EnsembleState.READY
    assert half.do(action, "toy", "c3") == ("refused", "ensemble_in_use")
    half.selections.put("haadf", Selection("toy", (0,), revision=3, touched=True))
    assert half.do(action, "other", "c4") == ("applied", "")


@pytest.mark.parametrize("action", ["unload", "delete"])
def test_what_is_being_loaded_or_waits_for_it_can_not_go(half: Half, action: str) -> None:
    half.opening.gate.clear()
    half.wish("load", "broken", "c1")
    half.wish("load", "other", "c2")
    half.settler.round()
    assert half.do(action, "other", "c3") == ("refused", "ensemble_in_use")
    assert half.do(action, "broken", "c4") == ("refused", "ensemble_in_use")
    half.opening.gate.set()
    assert half.settled("c2") == ("applied", "")
    assert half.do(action, "other", "c5") == ("applied", "")


def test_a_load_while_it_is_loaded_has_the_same_end_and_loads_once(half: Half) -> None:
    half.opening.gate.clear()
    for command in ("c1", "c2"):
        half.wish("load", "other", command)
    half.settler.round()
    assert [half.record(command).status for command in ("c1", "c2")] == ["begun", "begun"]
    half.opening.gate.set()
    assert [half.settled(command) for command in ("c1", "c2")] == [("applied", "")] * 2
    assert half.opening.opened == ["other"]


def test_an_engine_that_ended_in_the_middle_of_a_load_does_not_begin_it_again(store: Any, folder: Path) -> None:
    with Half(store, folder) as first:
        first.opening.gate.clear()
        first.wish("load", "other", "c1")
        first.settler.round()
        wait_until(lambda: first.opening.opened)
    with Half(store, folder) as second:
        assert second.settled("c1") == ("refused", "ensemble_unavailable")
        assert second.opening.opened == []
        assert second.do("load", "other", "c2") == ("applied", "")


@pytest.mark.parametrize("action", ["unload", "delete"])
def test_an_engine_that_ended_before_it_could_say_so_is_made_up_for(store: Any, folder: Path, action: str) -> None:
    with Half(store, folder) as first:
        first.do("load", "other", "c1")
        first.wish(action, "other", "c2")
        first.settler._settle = lambda done: (_ for _ in ()).throw(ConnectionError())  # type: ignore[method-assign,assignment]
        with pytest.raises(ConnectionError):
            first.settler.round()
    with Half(store, folder) as second:
        assert second.settled("c2") == ("applied", "")
        assert second.state("other") is (EnsembleState.ON_DISK if action == "unload" else None)


def test_what_is_loaded_is_loaded_again_after_a_restart_and_what_was_unloaded_is_not(store: Any, folder: Path) -> None:
    with Half(store, folder) as first:
        first.do("load", "other", "c1")
        first.do("load", "toy", "c2")
        first.selections.put("default", Selection("other", (0,), revision=2))
        first.do("unload", "toy", "c3")
    with Half(store, folder) as second:
        wait_until(lambda: second.state("other") is EnsembleState.READY)
        assert second.opening.opened == ["other"]
        assert second.state("toy") is EnsembleState.ON_DISK


def test_of_file_and_store_the_later_one_counts_and_neither_is_needed(store: Any, tmp_path: Path) -> None:
    file = tmp_path / "ensembles.json"
    assert remembered_ensembles(file, store) == LoadedEnsembles()
    store.set(keys.ENSEMBLES_LOADED, LoadedEnsembles(revision=3, digests={"a": "1"}).dumps())
    assert remembered_ensembles(file, store).digests == {"a": "1"}
    save_loaded(file, LoadedEnsembles(revision=4, digests={"b": "2"}))
    assert remembered_ensembles(file, store).digests == {"b": "2"}
    file.write_text("{")
    assert remembered_ensembles(file, store).digests == {"a": "1"}


def test_a_wish_that_can_not_be_read_or_was_called_off_is_dropped(half: Half, store: Any) -> None:
    store.rpush(keys.ENSEMBLE_WISHES, "{}")
    half.wish("load", "other", "c1")
    store.set(keys.ensemble_command("c1"), EnsembleRecord(fingerprint="f", status="refused", code="store_unavailable").dumps())
    half.settler.round()
    assert store.lrange(keys.ENSEMBLE_WISHES, 0, -1) == []
    assert half.state("other") is EnsembleState.ON_DISK
