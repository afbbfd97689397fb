"""Changing a selection, for the API and the autopilot: write what is wanted, wait until the engine has brought it into force or refused it.

One command at a time and stream: while what is wanted is ahead of what is applied, the next one waits. So every command is judged against
the selection that it really changes, and has an outcome of its own. The outcome stands under the command's id; the notification that comes
with it only saves waiting.

| the store fails               | answer                                                                  |
| ----------------------------- | ----------------------------------------------------------------------- |
| before anything was written   | 503: nothing was changed                                                |
| while it was being written    | the command's record tells, once the store is back; otherwise 504       |
| afterwards, or nobody settles | 504 after ten seconds; sent again under its key, it gets its outcome    |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio

from elitscope.errors import ElitscopeError, Refused, RevisionMismatch, rejection_error
from elitscope_service.orders import Order
from elitscope_service.planners import Planner
from elitscope_service.selection import DEFAULT
from elitscope_service.store import keys
from elitscope_service.store.audit import add_audit
from elitscope_service.store.connect import StoreUnavailable, store_errors
from elitscope_service.store.documents import AppliedSelection, CommandRecord, Hold, SelectionState, WantedSelection

ANSWER_S = 10.0
LOOK_AGAIN_S = 0.25
TURN_S = 0.02
NEWBORN_S = 0.5
"""A stream's first frame may have been answered a moment before the store knows the stream."""

COMMAND_S = 24 * 3600
NEW_STREAMS = ("use", "only")
"""Actions that say the whole selection, and so may name a stream that nobody has named before."""


class Overtaken(RevisionMismatch):
    """Another revision than was asked for is in force."""

    def __init__(self, message: str, revision: int) -> None:
        super().__init__(message)
        self.revision = revision


@dataclass(frozen=True)
class Standing:
    """Where a stream stands: what is in force (for a new stream, `default`'s), and what else bears on a command."""

    applied: AppliedSelection | None
    default: AppliedSelection | None
    wanted: WantedSelection | None
    hold: Hold | None
    command: CommandRecord | None
    undo: SelectionState | None

    @property
    def pending(self) -> bool:
        """Whether somebody's command has not been settled yet."""
        settled = 0 if self.applied is None else self.applied.last_revision
        return self.wanted is not None and self.wanted.revision > settled

    def next_revision(self, base: AppliedSelection) -> int:
        """A revision that was never used for the stream."""
        return max(base.last_revision, self.wanted.revision if self.wanted else 0) + 1


class Changes:
    """Carries out orders.

    Args:
        store: for asyncio.
        clock: monotonic seconds.
    """

    def __init__(self, store: redis.asyncio.Redis, clock: Callable[[], float]) -> None:
        self._store: Any = store
        self._clock = clock

    async def change(self, order: Order, planner: Planner) -> AppliedSelection:
        """Carry out the order; the selection that it has brought into force.

        Raises:
            Refused: by code. OutcomeUnknown: nobody knows yet. NotReady: the engine has not settled the change before this one.
            StoreUnavailable: nothing was changed.
        """
        end = self._clock() + ANSWER_S
        async with self._store.pubsub(ignore_subscribe_messages=True) as pubsub:
            with store_errors():
                await pubsub.subscribe(keys.settled(order.command))
            await self._submit(order, planner, end)
            record = await self._outcome(order, pubsub, end)
        if record.result is None:
            raise rejection_error(record.code, record.detail)
        return record.result

    # ----------------------------------------------------------------------------------------------------------- to write

    async def _submit(self, order: Order, planner: Planner, end: float) -> None:
        """Write what is wanted, once it is this command's turn."""
        newborn_until = self._clock() + NEWBORN_S
        in_doubt = False
        while True:
            try:
                if await self._attempt(order, planner, self._clock() < newborn_until):
                    return
            except redis.WatchError:
                in_doubt = True  # something changed while we looked; or, redis-py says the same, the connection was lost: look again
            except StoreUnavailable:
                if not in_doubt:
                    raise
                return
            if self._clock() >= end:
                text = f"the engine has not settled the change before this one within {ANSWER_S:g} s: nothing was changed"
                raise rejection_error("engine_silent", text)
            await asyncio.sleep(TURN_S)

    async def _attempt(self, order: Order, planner: Planner, patient: bool) -> bool:
        """Whether the command is in the store, or may be; False where it has to wait for its turn."""
        sent = False
        try:
            with store_errors():
                async with self._store.pipeline(transaction=True) as pipe:
                    standing = await _standing(pipe, order)
                    if standing.command is not None:
                        return _is_the_same(standing.command, order)
                    base = standing.applied or standing.default
                    newborn = standing.applied is None and order.action not in NEW_STREAMS
                    if base is None or standing.pending or (newborn and patient):
                        return False
                    wanted = await self._decide(order, planner, standing, base)
                    pipe.multi()
                    pipe.set(keys.wanted(order.stream), wanted.dumps())
                    pipe.sadd(keys.SELECTIONS, order.stream)
                    record = CommandRecord(fingerprint=order.fingerprint, stream=order.stream, revision=wanted.revision)
                    pipe.set(keys.command(order.command), record.dumps(), ex=COMMAND_S)
                    pipe.publish(keys.WAKE_ENGINE, order.stream)
                    sent = True
                    await pipe.execute()
        except StoreUnavailable:
            if not sent:
                raise
        return True

    async def _decide(self, order: Order, planner: Planner, standing: Standing, base: AppliedSelection) -> WantedSelection:
        """What is wanted; a command that is refused is audited all the same."""
        try:
            if standing.applied is None and order.action not in NEW_STREAMS:
                raise stream_unknown(order.stream)
            refuse_if_held(order, standing.hold)
            if not order.matches(base.revision):
                text = f"stream {order.stream!r} is at revision {base.revision}, not at {order.if_match}: read it again, then decide again"
                raise Overtaken(text, base.revision)
            plan = planner(base, standing.undo)
        except Refused as refusal:
            if refusal.code != "stream_unknown":
                await add_audit(self._store, order.entry(before=base.state, outcome="refused", code=refusal.code, detail=str(refusal)))
            raise
        return WantedSelection(
            stream=order.stream,
            revision=standing.next_revision(base),
            base=base.revision,
            ensemble=plan.ensemble,
            members=plan.members,
            action=order.action,
            author=order.author,
            role=order.role,
            reason=order.reason,
            at=order.at,
            command=order.command,
            fingerprint=order.fingerprint,
        )

    # ------------------------------------------------------------------------------------------------------------ to wait

    async def _outcome(self, order: Order, pubsub: Any, end: float) -> CommandRecord:
        """The command's record, once it is settled."""
        while True:
            try:
                with store_errors():
                    record = CommandRecord.loads_or_none(await self._store.get(keys.command(order.command)))
                    record = record or await self._call_off(order)
                    if record is None:
                        break
                    if record.status != "pending":
                        return record
                    await pubsub.get_message(timeout=LOOK_AGAIN_S)
            except StoreUnavailable:
                await asyncio.sleep(LOOK_AGAIN_S)
            if self._clock() >= end:
                text = (
                    f"nobody said within {ANSWER_S:g} s whether this is in force: send it again with the same Idempotency-Key to learn it"
                )
                raise rejection_error("outcome_unknown", text)

        raise StoreUnavailable("the store was lost before it had this change: nothing was changed")

    async def _call_off(self, order: Order) -> CommandRecord | None:
        """The store was lost while the command was written, and does not have it: touch what that write watched, and it can't come late.

        None where that is done; its record, should it have come after all.
        """
        name = keys.command(order.command)
        if await self._store.set(name, "{}", nx=True, ex=COMMAND_S):
            await self._store.delete(name)
            return None
        return CommandRecord.loads(await self._store.get(name))


def etag(revision: int) -> str:
    """A revision as an entity tag."""
    return f'"{revision}"'


def stream_unknown(stream: str) -> ElitscopeError:
    """What to raise where nobody knows the stream."""
    return rejection_error(
        "stream_unknown", f"there is no stream {stream!r}: a stream exists once a frame or a whole selection (PUT) named it"
    )


def refuse_if_held(order: Order, hold: Hold | None) -> None:
    """A controller does not get past an operator's hold.

    Raises:
        Held: with the holder's name.
    """
    if hold is not None and order.role == "controller":
        why = f" ({hold.reason})" if hold.reason else ""
        raise rejection_error("held", f"{hold.holder} holds stream {order.stream!r}{why}: a controller has to wait until it is given back")


async def _standing(pipe: Any, order: Order) -> Standing:
    """Read everything that bears on the order, and have the write fail should any of it change."""
    stream = order.stream
    names = [keys.applied(stream), keys.applied(DEFAULT), keys.wanted(stream), keys.hold(stream), keys.command(order.command)]
    await pipe.watch(*names, keys.undo(stream))
    applied, default, wanted, hold, command = await pipe.mget(names)
    return Standing(
        AppliedSelection.loads_or_none(applied),
        AppliedSelection.loads_or_none(default),
        WantedSelection.loads_or_none(wanted),
        Hold.loads_or_none(hold),
        CommandRecord.loads_or_none(command),
        SelectionState.loads_or_none(await pipe.lindex(keys.undo(stream), 0)),
    )


def _is_the_same(record: CommandRecord, order: Order) -> bool:
    if record.fingerprint != order.fingerprint:
        raise rejection_error(
            "idempotency_key_reused", "this Idempotency-Key was used for another command: choose a new one for every command"
        )
    return True
