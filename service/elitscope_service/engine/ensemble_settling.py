"""The engine's half of loading, unloading, deleting and uploading ensembles: wishes are taken from the store, decided, done, and settled.

| wish   | an earlier engine had begun it | decided at once                      | done by the ensembles thread |
| ------ | ------------------------------ | ------------------------------------ | ---------------------------- |
| load   | refused: that engine ended     | nothing to do where it is ready      | check, load                  |
| unload | as if new                      | refused in use; otherwise out of use | memory given back            |
| delete | as if new                      | refused in use; otherwise out of use | folder deleted               |
| upload | refused: that engine ended     |                                      | check, unpack, list          |

What was loaded before a restart is loaded again; an unload or a deletion of it waits for that. A load that was under way is not begun
twice, so that what brings an engine down does so once. All of this happens in the control thread, as every change of a selection does: an
ensemble can't be chosen and unloaded at the same time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from pydantic import ValidationError

from elitscope.errors import ElitscopeError
from elitscope_service.engine.ensembles import DiskTrouble, Done, EnsembleThread, put_aside
from elitscope_service.engine.loaded import remembered_ensembles, save_loaded
from elitscope_service.registry import EnsembleBusy, Registry
from elitscope_service.selection import Selections
from elitscope_service.store import keys
from elitscope_service.store.audit import add_audit
from elitscope_service.store.documents import AuditEntry, EnsembleRecord, EnsembleWish, LoadedEnsembles

logger = logging.getLogger(__name__)

COMMAND_S = 24 * 3600
AGAIN = "again:"
"""Begins the command of a load that nobody waits for: what was loaded before a restart."""


class EnsembleSettler:
    """One round after another, in the control thread.

    Args:
        store: may raise whatever redis does; what was done meanwhile is said in a later round.
        registry: where the ensembles are.
        thread: does what takes long.
        selections: what frames read.
        file: remembers which ensembles are loaded.
        wall: Unix seconds.
    """

    def __init__(
        self, store: redis.Redis, registry: Registry, thread: EnsembleThread, selections: Selections, file: Path, wall: Callable[[], float]
    ) -> None:
        self._store = store
        self._registry = registry
        self._thread = thread
        self._selections = selections
        self._file = file
        self._wall = wall
        self._taken: dict[str, tuple[str, EnsembleWish]] = {}
        self._again: set[str] = set()
        self._unsaid: deque[Done] = deque()
        self._loaded: LoadedEnsembles | None = None

    def remember(self) -> None:
        """Have loaded again what was loaded before the restart. Before the first round, with the store down too."""
        self._loaded = remembered_ensembles(self._file, self._store)
        for name in sorted(self._loaded.digests):
            if self._registry.ready(name) is None:
                self._again.add(name)
                self._thread.load(f"{AGAIN}{name}", name)

    def round(self) -> None:
        """Begin what is new, and settle what is done.

        Raises:
            redis.RedisError: the store does not answer.
        """
        for done in self._thread.finished():
            if done.command.startswith(AGAIN):
                self._again.discard(done.command.removeprefix(AGAIN))
            else:
                self._unsaid.append(done)
        for text in map(str, self._store.lrange(keys.ENSEMBLE_WISHES, 0, -1)):
            try:
                wish = EnsembleWish.loads(text)
            except ValidationError as error:  # written by another version, or by hand
                logger.error("a wish in the store can't be read and is dropped: %s", error)
                self._store.lrem(keys.ENSEMBLE_WISHES, 1, text)
                continue
            waits = wish.action in ("unload", "delete") and wish.ensemble in self._again
            if wish.command not in self._taken and not waits:
                self._take(text, wish)
        while self._unsaid:
            self._settle(self._unsaid[0])
            self._unsaid.popleft()

    # -------------------------------------------------------------------------------------------------------- one wish

    def _take(self, text: str, wish: EnsembleWish) -> None:
        record = self._record(wish)
        if record is None or record.is_settled:  # called off, or so old that nobody waits for it
            self._store.lrem(keys.ENSEMBLE_WISHES, 1, text)
            return
        interrupted = record.status == "begun"
        if not interrupted:
            self._store.set(keys.ensemble_command(wish.command), _changed(record, status="begun").dumps(), ex=COMMAND_S)
        self._taken[wish.command] = text, wish
        try:
            done = self._begin(wish, interrupted)
        except ElitscopeError as error:
            done = Done(wish.command, wish.ensemble, error.code, str(error))
        if done is not None:
            self._unsaid.append(done)

    def _begin(self, wish: EnsembleWish, interrupted: bool) -> Done | None:
        """Do what can be done at once; None where the ensembles thread does it.

        Raises:
            ElitscopeError: it can't be done.
        """
        name = wish.ensemble or ""
        if wish.action == "unload":
            self._refuse_in_use(name)
            self._thread.release(self._registry.unload(name))
        elif wish.action == "delete":
            self._delete(name, interrupted)
        elif interrupted:
            text = "the engine ended in the middle of it: see what there is now, and ask again if need be"
            return Done(wish.command, wish.ensemble, "ensemble_unavailable", text)
        elif wish.action == "upload":
            self._thread.take_in(wish.command, wish.archive or "")
            return None
        elif self._registry.ready(name) is None:
            self._thread.load(wish.command, name)
            return None
        return Done(wish.command, name)

    def _delete(self, name: str, interrupted: bool) -> None:
        if interrupted and self._registry.status_of(name) is None:
            return
        self._refuse_in_use(name)
        path, ensemble = self._registry.remove(name)
        try:
            hidden = put_aside(path) if path.exists() else None
        except OSError as error:
            self._registry.add(path)
            raise DiskTrouble(f"{path} can't be moved ({error.strerror}): see to the rights of its folder") from error
        self._thread.release(ensemble, hidden)

    def _refuse_in_use(self, name: str) -> None:
        users = sorted(stream for stream, selection in self._selections.snapshot().items() if selection.ensemble == name)
        if users:
            raise EnsembleBusy(f"ensemble {name!r} analyses {', '.join(users)}: choose another one there first")
        if any(wish.ensemble == name and wish.action == "load" for _, wish in self._taken.values() if self._is_under_way(wish)):
            raise EnsembleBusy(f"ensemble {name!r} is being loaded: wait until that is done")

    def _is_under_way(self, wish: EnsembleWish) -> bool:
        return all(done.command != wish.command for done in self._unsaid)

    def _record(self, wish: EnsembleWish) -> EnsembleRecord | None:
        try:
            return EnsembleRecord.loads_or_none(self._store.get(keys.ensemble_command(wish.command)))
        except ValidationError as error:
            logger.error("what the store has of command %s can't be read: %s", wish.command, error)
            return None

    # -------------------------------------------------------------------------------------------------------- its outcome

    def _settle(self, done: Done) -> None:
        """Say what has come of it: in the file, then in the store, all at once."""
        text, wish = self._taken[done.command]
        done = self._remembered(wish, done)
        key = keys.ensemble_command(wish.command)
        record = self._record(wish) or EnsembleRecord(fingerprint="")
        status = "refused" if done.code else "applied"
        ensemble = None if done.ensemble is None else self._registry.status_of(done.ensemble)
        settled = _changed(record, status=status, code=done.code, detail=done.detail, at=self._wall(), ensemble=ensemble)
        with self._store.pipeline(transaction=True) as pipe:
            pipe.lrem(keys.ENSEMBLE_WISHES, 1, text)
            pipe.set(key, settled.dumps(), ex=COMMAND_S)
            if self._loaded is not None:
                pipe.set(keys.ENSEMBLES_LOADED, self._loaded.dumps())
            add_audit(pipe, _entry(wish, done))
            pipe.publish(keys.settled(wish.command), status)
            pipe.execute()
        del self._taken[done.command]

    def _remembered(self, wish: EnsembleWish, done: Done) -> Done:
        """Remember what is loaded now. Where that can't be written down, a load is refused: a restart would lose it."""
        if done.code or done.ensemble is None or wish.action == "upload" or self._loaded is None:
            return done
        digests = {name: digest for name, digest in self._loaded.digests.items() if name != done.ensemble}
        ensemble = self._registry.ready(done.ensemble)
        if ensemble is not None:
            digests[done.ensemble] = ensemble.bundle.digest
        if digests == self._loaded.digests:
            return done
        loaded = LoadedEnsembles(revision=self._loaded.revision + 1, digests=digests)
        try:
            save_loaded(self._file, loaded)
        except OSError as error:
            logger.error("which ensembles are loaded can't be saved: %s", error)
        self._loaded = loaded
        return done


def _changed(record: EnsembleRecord, **fields: Any) -> EnsembleRecord:
    return record.model_copy(update=fields)


def _entry(wish: EnsembleWish, done: Done) -> AuditEntry:
    return AuditEntry(
        at=wish.at,
        action=wish.action,
        subject=done.ensemble or wish.ensemble,
        author=wish.author,
        role=wish.role,
        reason=wish.reason,
        outcome="refused" if done.code else "applied",
        code=done.code,
        detail=done.detail,
    )
