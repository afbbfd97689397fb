"""The engine's half of the protocol without the engine: ensembles by name, selections, a settler, and a way to kill and start it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from elitscope_service.engine.restoring import remembered, restored
from elitscope_service.engine.settling import Settler
from elitscope_service.engine.verdict import first_selection
from elitscope_service.registry import EnsembleUnavailable
from elitscope_service.selection import DEFAULT, Selections
from elitscope_service.store import keys
from elitscope_service.store.documents import AppliedSelection, AuditEntry, CommandRecord, SelectionState, WantedSelection
from tests.support.bundles import toy_manifest


def fake_ensemble(name: str, members: int = 4) -> Any:
    """As much of an ensemble as a selection needs."""
    files = dict.fromkeys(range(members), b"")
    return SimpleNamespace(bundle=SimpleNamespace(manifest=toy_manifest(files, name=name)))


@dataclass
class Engine:
    """`start` reads the file and the store as a starting engine does; `events` is what was published."""

    store: Any
    file: Path
    ensembles: dict[str, Any]

    def __post_init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.start()

    def start(self) -> None:
        first = first_selection(self.ensembles["graphene"].bundle.manifest, since=1.0)
        found = restored(remembered(self.file, self.store), first, self._load, lambda: 2.0)
        self.selections = Selections(found[DEFAULT])
        self.selections.restore(found)
        self.settler = Settler(self.store, self.selections, self, self.file, self.events.append, lambda: 3.0)
        self.settler.save()

    def round(self) -> None:
        self.settler.round()

    def members(self, stream: str = "haadf") -> tuple[int, ...]:
        return self.selections.of(stream).members

    def ready(self, name: str) -> Any:
        return self.ensembles.get(name)

    def names(self) -> list[str]:
        return [*self.ensembles, "asleep"]

    def _load(self, name: str) -> Any:
        if name not in self.ensembles:
            raise EnsembleUnavailable(f"there is no ensemble {name!r}")
        return self.ensembles[name]


def ask(store: Any, revision: int, members: tuple[int, ...] | None, stream: str = "haadf", **changes: Any) -> WantedSelection:
    """Write what is wanted, as the API does."""
    wanted = WantedSelection(
        **{
            "stream": stream,
            "revision": revision,
            "base": revision - 1,
            "ensemble": "graphene",
            "members": members,
            "action": "only",
            "author": "ana",
            "role": "operator",
            "reason": "fog",
            "at": 10.0,
            "command": f"c{revision}",
            "fingerprint": "f",
            **changes,
        }
    )
    with store.pipeline(transaction=True) as pipe:
        pipe.set(keys.wanted(stream), wanted.dumps()).sadd(keys.SELECTIONS, stream)
        pipe.set(keys.command(wanted.command), CommandRecord(fingerprint="f", stream=stream, revision=revision).dumps())
        pipe.execute()
    return wanted


def applied(store: Any, stream: str = "haadf") -> AppliedSelection | None:
    return AppliedSelection.loads_or_none(store.get(keys.applied(stream)))


def record(store: Any, command: str) -> CommandRecord:
    return CommandRecord.loads(store.get(keys.command(command)))


def audit(store: Any) -> list[AuditEntry]:
    """Every entry, oldest first."""
    return [AuditEntry.loads(fields["entry"]) for _, fields in store.xrange(keys.AUDIT)]


def undo_stack(store: Any, stream: str = "haadf") -> list[tuple[int, ...]]:
    return [SelectionState.loads(text).members for text in store.lrange(keys.undo(stream), 0, -1)]
