"""The engine's half of changing a selection: what is wanted comes into force, or is put back.

| wanted is     | the selection in force | what happens                                                                    |
| ------------- | ---------------------- | ------------------------------------------------------------------------------- |
| absent        | any                    | nothing                                                                         |
| ahead         | its base               | judged: into the file, in force, applied and audited; or refused, audited, put back |
| as in force   | not yet applied        | applied and audited: the store, or this process, ended just in between          |
| as in force   | applied                | nothing                                                                         |
| behind        | any                    | the store lost something: what is in force is written back                      |

Notifications only wake. Each round reads where things stand, so it can be repeated at any time, and after any interruption.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import redis
from pydantic import ValidationError

from elitscope_service.engine.saved import save_selections
from elitscope_service.engine.verdict import UNDO, Ensembles, Refusal, judge
from elitscope_service.selection import SERVER, Selection, Selections
from elitscope_service.store import keys
from elitscope_service.store.audit import add_audit
from elitscope_service.store.documents import AppliedSelection, AuditEntry, CommandRecord, FirstFrame, WantedSelection
from elitscope_service.store.selections import document_of, selection_of, state_of

logger = logging.getLogger(__name__)

UNDO_DEPTH = 100
COMMAND_S = 24 * 3600
FIRST_FRAMES_KEPT = 10_000
"""Revisions of a stream for which the first frame is remembered."""


class Settler:
    """One round after another, in the control thread.

    Args:
        store: may raise whatever redis does; nothing is left half done by that.
        selections: what frames read; written here alone.
        ensembles: those that there are.
        file: where the selections are saved before they come into force.
        event: publishes that a selection has come into force.
        wall: Unix seconds.
    """

    def __init__(
        self,
        store: redis.Redis,
        selections: Selections,
        ensembles: Ensembles,
        file: Path,
        event: Callable[[Mapping[str, Any]], None],
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._selections = selections
        self._ensembles = ensembles
        self._file = file
        self._event = event
        self._wall = wall

    def round(self) -> None:
        """Bring everything that is wanted into force, or refuse it, and write down what the store does not know.

        Raises:
            redis.RedisError: the store does not answer.
        """
        snapshot = self._selections.snapshot()
        streams = sorted({*snapshot, *map(str, self._store.smembers(keys.SELECTIONS))})
        wanted, applied = self._read(keys.wanted, streams), self._read(keys.applied, streams)
        for stream, wanted_text, applied_text in zip(streams, wanted, applied, strict=True):
            try:
                self._settle(stream, WantedSelection.loads_or_none(wanted_text), AppliedSelection.loads_or_none(applied_text))
            except ValidationError as error:  # written by another version, or by hand: the other streams are not to blame
                logger.error("what the store has of stream %s can't be read: %s", stream, error)

    def forget(self, stream: str) -> bool:
        """Let go of the untouched selection of a stream that has ended, here and in the store; whether that is done.

        Not while somebody wants to change it.
        """
        current = self._selections.in_force(stream)
        if current is None or current.touched:
            return True
        pipe: Any
        with self._store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.wanted(stream))
            wanted = WantedSelection.loads_or_none(pipe.get(keys.wanted(stream)))
            if wanted is not None and wanted.revision > current.revision:
                return False
            pipe.multi()
            pipe.delete(*(key(stream) for key in (keys.wanted, keys.applied, keys.undo, keys.first_frames)))
            pipe.srem(keys.SELECTIONS, stream)
            try:
                pipe.execute()
            except redis.WatchError:
                return False
        self._selections.forget([stream])
        return True

    def note_first_frame(self, stream: str, revision: int, frame: FirstFrame) -> None:
        """Remember the first frame under a revision; the first one that was said stays."""
        self._store.hsetnx(keys.first_frames(stream), str(revision), frame.dumps())

    def save(self) -> None:
        """Save what is in force. Where that can't be done now it will be with the next change, which is refused until it can."""
        try:
            save_selections(self._file, self._selections.snapshot())
        except OSError as error:
            logger.error("the selections in force can't be saved: %s", error)

    # ------------------------------------------------------------------------------------------------------- one stream

    def _settle(self, stream: str, wanted: WantedSelection | None, applied: AppliedSelection | None) -> None:
        current = self._selections.in_force(stream)
        if applied is not None and (current is None or applied.revision > current.revision):
            current = self._adopt(applied, current)
        if wanted is None or (current is not None and wanted.revision < current.revision):
            if current is not None and (applied is None or applied.revision < current.revision):
                self._write_back(stream, current)
        elif current is not None and wanted.revision == current.revision:
            if applied is None or applied.revision < wanted.revision:
                self._accept(wanted, current, applied)
        elif applied is None or applied.last_revision < wanted.revision:
            self._decide(wanted, current or self._selections.default, applied)

    def _decide(self, wanted: WantedSelection, current: Selection, applied: AppliedSelection | None) -> None:
        known = len({*self._selections.snapshot(), wanted.stream})
        verdict = judge(wanted, current, self._ensembles, known, self._wall())
        if isinstance(verdict, Selection):
            try:
                save_selections(self._file, {**self._selections.snapshot(), wanted.stream: verdict})
            except OSError as error:
                verdict = Refusal("store_unavailable", f"the engine can't save it ({error}): make room on the disk")
        if isinstance(verdict, Refusal):
            self._refuse(wanted, current, applied, verdict)
            return
        self._selections.put(wanted.stream, verdict)
        self._event(_selection_event(wanted.stream, verdict))
        self._accept(wanted, verdict, document_of(wanted.stream, current))

    def _accept(self, wanted: WantedSelection, selection: Selection, before: AppliedSelection | None) -> None:
        """It is in force: say so."""
        document = document_of(wanted.stream, selection)
        entry = _entry(wanted, before, after=document, revision=selection.revision)
        with self._store.pipeline(transaction=True) as pipe:
            pipe.set(keys.applied(wanted.stream), document.dumps())
            pipe.sadd(keys.SELECTIONS, wanted.stream)
            if wanted.action == UNDO:
                pipe.lpop(keys.undo(wanted.stream))
            elif before is not None and before.state != document.state:
                pipe.lpush(keys.undo(wanted.stream), before.state.dumps())
                pipe.ltrim(keys.undo(wanted.stream), 0, UNDO_DEPTH - 1)
            pipe.hdel(keys.first_frames(wanted.stream), str(wanted.revision - FIRST_FRAMES_KEPT))
            add_audit(pipe, entry)
            self._conclude(pipe, wanted, CommandRecord(status="applied", result=document, **_request(wanted)))
            pipe.execute()

    def _refuse(self, wanted: WantedSelection, current: Selection, applied: AppliedSelection | None, refusal: Refusal) -> None:
        """It does not come into force: put back what is, and never use the revision again."""
        stream = wanted.stream
        has_one = self._selections.in_force(stream) is not None
        document = document_of(stream, current, wanted.revision)
        entry = _entry(wanted, applied, after=None, revision=None, outcome="refused", code=refusal.code, detail=refusal.detail)
        with self._store.pipeline(transaction=True) as pipe:
            if has_one:
                pipe.set(keys.applied(stream), document.dumps())
                pipe.delete(keys.wanted(stream))
            else:
                pipe.delete(keys.wanted(stream))
                pipe.srem(keys.SELECTIONS, stream)
            add_audit(pipe, entry)
            record = CommandRecord(status="refused", code=refusal.code, detail=refusal.detail, **_request(wanted))
            self._conclude(pipe, wanted, record)
            pipe.execute()

    def _conclude(self, pipe: Any, wanted: WantedSelection, record: CommandRecord) -> None:
        pipe.set(keys.command(wanted.command), record.dumps(), ex=COMMAND_S)
        pipe.publish(keys.settled(wanted.command), record.status)

    # -------------------------------------------------------------------------------------------------- after a failure

    def _adopt(self, applied: AppliedSelection, current: Selection | None) -> Selection | None:
        """The store remembers a later selection than this engine: it was acknowledged, so it comes into force, if it still can."""
        selection = selection_of(applied)
        if self._ensembles.ready(selection.ensemble) is None:
            if current is None:
                return None  # no frame has asked for the stream yet: there is time for the ensemble to get ready
            selection = replace(current, revision=applied.last_revision + 1, author=SERVER, role="controller", since=self._wall())
            logger.warning("stream %s keeps %s: %s is not ready", applied.stream, current.ensemble, applied.ensemble)
        self._selections.restore({applied.stream: selection})
        self.save()
        self._event(_selection_event(applied.stream, selection))
        return selection

    def _write_back(self, stream: str, selection: Selection) -> None:
        """The store knows less than is in force: a stream has just started, or the store has lost something."""
        document = document_of(stream, selection)
        with self._store.pipeline(transaction=True) as pipe:
            pipe.set(keys.applied(stream), document.dumps())
            pipe.sadd(keys.SELECTIONS, stream)
            if selection.touched:
                add_audit(
                    pipe,
                    AuditEntry(
                        at=self._wall(),
                        action="restore",
                        stream=stream,
                        author=SERVER,
                        role="controller",
                        reason=selection.reason if selection.author == SERVER else "the store did not have what is in force",
                        after=state_of(selection),
                        revision=selection.revision,
                    ),
                )
            pipe.execute()

    def _read(self, key: Callable[[str], str], streams: list[str]) -> list[str | None]:
        return cast("list[str | None]", self._store.mget([key(stream) for stream in streams]))


def _request(wanted: WantedSelection) -> dict[str, Any]:
    return {"fingerprint": wanted.fingerprint, "stream": wanted.stream, "revision": wanted.revision}


def _entry(wanted: WantedSelection, before: AppliedSelection | None, after: AppliedSelection | None, **fields: Any) -> AuditEntry:
    return AuditEntry(
        at=wanted.at,
        action=wanted.action,
        stream=wanted.stream,
        author=wanted.author,
        role=wanted.role,
        reason=wanted.reason,
        before=None if before is None else before.state,
        after=None if after is None else after.state,
        **fields,
    )


def _selection_event(stream: str, selection: Selection) -> dict[str, Any]:
    return {
        "event": "selection",
        "stream": stream,
        "ensemble": selection.ensemble,
        "members": list(selection.members),
        "revision": selection.revision,
        "author": selection.author,
        "role": selection.role,
        "reason": selection.reason,
    }
