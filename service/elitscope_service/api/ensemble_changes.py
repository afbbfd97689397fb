"""The API's half of loading, unloading, deleting and uploading ensembles: leave a wish in the store, wait for what comes of it.

Wishes are carried out in order, and each once: the outcome stands under the command's id. What takes long is answered before it is done,
with what is known then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio

from elitscope.errors import CODES
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.problems import coded
from elitscope_service.store import keys
from elitscope_service.store.connect import StoreUnavailable, store_errors
from elitscope_service.store.documents import EnsembleRecord, EnsembleWish

LOOK_AGAIN_S = 0.25
COMMAND_S = 24 * 3600
MOST_WISHES = 64
FRESH_S = 3.0
TURN_S = 0.02


@dataclass(frozen=True)
class Submitted:
    """A wish in the store. `repeated`: it was there before, under the same idempotency key."""

    wish: EnsembleWish
    fingerprint: str
    repeated: bool


class EnsembleChanges:
    """Carries out wishes.

    Args:
        store: for asyncio.
        view: what is known of the engine.
        clock: monotonic seconds.
    """

    def __init__(self, store: redis.asyncio.Redis, view: EngineView, clock: Callable[[], float]) -> None:
        self._store: Any = store
        self._view = view
        self._clock = clock

    async def submit(self, wish: EnsembleWish, fingerprint: str) -> Submitted:
        """Leave a wish.

        Raises:
            ProblemError: the key was used for something else, or too much is waiting.
            StoreUnavailable: nothing was left.
        """
        while True:
            sent = False
            try:
                with store_errors():
                    async with self._store.pipeline(transaction=True) as pipe:
                        repeated = await self._is_known(pipe, wish, fingerprint)
                        if not repeated:
                            pipe.multi()
                            pipe.set(keys.ensemble_command(wish.command), EnsembleRecord(fingerprint=fingerprint).dumps(), ex=COMMAND_S)
                            pipe.rpush(keys.ENSEMBLE_WISHES, wish.dumps())
                            pipe.publish(keys.WAKE_ENGINE, wish.action)
                            sent = True
                            await pipe.execute()
                return Submitted(wish, fingerprint, repeated)
            except redis.WatchError:
                continue  # the same command at the same time: see what it was
            except StoreUnavailable:
                if not sent:
                    raise
                return Submitted(wish, fingerprint, False)  # it may be there: the record will tell

    async def outcome(self, submitted: Submitted, patience_s: float) -> EnsembleRecord:
        """What has come of a wish within `patience_s`: settled, or begun.

        Raises:
            ProblemError: it was refused; or nobody has begun with it, or nobody knows.
        """
        end = self._clock() + patience_s
        record: EnsembleRecord | None = None
        async with self._store.pubsub(ignore_subscribe_messages=True) as pubsub:
            while record is None or not record.is_settled:
                try:
                    with store_errors():
                        if not pubsub.subscribed:
                            await pubsub.subscribe(keys.settled(submitted.wish.command))
                        record = await self._record(submitted)
                        if not record.is_settled and self._clock() < end:
                            await pubsub.get_message(timeout=LOOK_AGAIN_S)
                except StoreUnavailable:
                    await asyncio.sleep(LOOK_AGAIN_S)
                if self._clock() >= end:
                    break
        return await self._judged(record, patience_s)

    async def _judged(self, record: EnsembleRecord | None, patience_s: float) -> EnsembleRecord:
        if record is None or record.status == "pending":
            text = f"nobody said within {patience_s:g} s what became of it: ask with the same Idempotency-Key again, or see the ensembles"
            raise coded("outcome_unknown", text)
        if record.status == "refused":
            raise coded(record.code if record.code in CODES else "internal", record.detail)
        if record.is_settled:
            await self._seen(record.at)
        return record

    async def _seen(self, at: float) -> None:
        """Wait until the list of ensembles tells of it too: who reads next should find it."""
        end = self._clock() + FRESH_S
        while self._clock() < end and ((seen := self._view.read()) is None or seen.status.at < at):
            await asyncio.sleep(TURN_S)

    async def _is_known(self, pipe: Any, wish: EnsembleWish, fingerprint: str) -> bool:
        await pipe.watch(keys.ensemble_command(wish.command))
        record = EnsembleRecord.loads_or_none(await pipe.get(keys.ensemble_command(wish.command)))
        if record is not None and record.fingerprint != fingerprint:
            raise coded("idempotency_key_reused", "this Idempotency-Key was used for another command: choose a new one for every command")
        if record is None and await pipe.llen(keys.ENSEMBLE_WISHES) >= MOST_WISHES:
            raise coded("rate_limited", f"{MOST_WISHES} loads, unloads, deletions and uploads are waiting: ask again when some are done")
        return record is not None

    async def _record(self, submitted: Submitted) -> EnsembleRecord:
        """The command's record; one that calls it off where the store was lost before it had the wish, so that it can't come after all."""
        key = keys.ensemble_command(submitted.wish.command)
        record = EnsembleRecord.loads_or_none(await self._store.get(key))
        if record is None:
            text = "the store was lost before it had this: nothing was done"
            lost = EnsembleRecord(fingerprint=submitted.fingerprint, status="refused", code="store_unavailable", detail=text)
            await self._store.set(key, lost.dumps(), nx=True, ex=COMMAND_S)
            record = EnsembleRecord.loads(await self._store.get(key))
        return record
