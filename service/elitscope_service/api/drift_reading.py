"""What the drift monitor has left in the store, and whether it is still the present."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import redis.asyncio

from elitscope_service.api.engine_view import Seen
from elitscope_service.api.in_force import InForce
from elitscope_service.api.problems import coded
from elitscope_service.store import keys
from elitscope_service.store.connect import store_errors
from elitscope_service.store.drift import AdviceRecord, DriftRecord

STALE_S = 5.0
"""Figures that are older are not taken for the present."""

R = TypeVar("R", DriftRecord, AdviceRecord)


@dataclass(frozen=True)
class Reading(Generic[R]):
    """A document, its age in seconds, and why it is not the present; empty where it is."""

    record: R
    age_s: float
    stale: str


async def read_drift(store: redis.asyncio.Redis, selected: InForce, engine: Seen, now: float) -> Reading[DriftRecord]:
    """What was seen of a stream last. Raises as `_read`."""
    return await _read(store, keys.drift(selected.stream), DriftRecord, selected, engine, now)


async def read_advice(store: redis.asyncio.Redis, selected: InForce, engine: Seen, now: float) -> Reading[AdviceRecord]:
    """What is advised for a stream. Raises as `_read`."""
    return await _read(store, keys.recommendation(selected.stream), AdviceRecord, selected, engine, now)


async def fresh_drift(store: redis.asyncio.Redis, streams: Iterable[str], now: float) -> list[DriftRecord]:
    """Of those streams whatever is the present.

    Raises:
        StoreUnavailable: it does not answer.
    """
    names = [keys.drift(stream) for stream in streams]
    reading: Any = store
    with store_errors():
        texts = await reading.mget(names) if names else []
    found = (DriftRecord.loads_or_none(text) for text in texts)
    return [record for record in found if record is not None and now - record.at <= STALE_S]


async def _read(store: redis.asyncio.Redis, key: str, kind: type[R], selected: InForce, engine: Seen, now: float) -> Reading[R]:
    """
    Raises:
        ProblemError: 404 where no frame of the stream was looked at yet, 503 where nobody looks.
        StoreUnavailable: it does not answer.
    """
    reading: Any = store
    with store_errors():
        text, listening = await reading.get(key), await reading.pubsub_numsub(keys.MONITOR)
    record, alive = kind.loads_or_none(text), any(number for _, number in listening)
    if record is None and not alive:
        raise coded("monitor_unavailable", "nobody looks for drift: the monitor is off (monitor_hz is 0), or is being started")
    if record is None:
        raise coded("no_frame_yet", f"no frame of stream {selected.stream!r} was looked at within the last hour: send one")
    age_s = max(0.0, now - record.at)
    return Reading(record, age_s, _staleness(record, age_s, alive, selected, engine))


def _staleness(record: DriftRecord | AdviceRecord, age_s: float, alive: bool, selected: InForce, engine: Seen) -> str:
    if not alive:
        return "the monitor is silent: it is being started again if it has ended"
    if record.ensemble != selected.ensemble:
        return f"this is of ensemble {record.ensemble!r}, and {selected.ensemble!r} is in force: its first frame has not been looked at"
    if age_s <= STALE_S:
        return ""
    came_at = max((stream.last_frame_at for stream in engine.status.streams if stream.name == selected.stream), default=0.0)
    if came_at <= record.at + STALE_S:
        return f"no frame has come for {age_s:.0f} s"
    return f"frames come, and for {age_s:.0f} s none was looked at: the monitor does not keep up, or the store was away"
