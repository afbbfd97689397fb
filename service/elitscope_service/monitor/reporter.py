"""What was found goes into the store, at a limited rate, news at once; on the way the autopilot decides. Looking never waits for this."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio

from elitscope_models.drift.recommend import Recommendation
from elitscope_models.manifest import Manifest
from elitscope_service.logs import LogLimit
from elitscope_service.monitor.acting import act
from elitscope_service.monitor.advice import advise
from elitscope_service.monitor.autopilot import Decision, Pilot, Situation
from elitscope_service.monitor.ending import end
from elitscope_service.monitor.news import News
from elitscope_service.monitor.records import advice_record, drift_record, figures
from elitscope_service.monitor.stream import Finding
from elitscope_service.selection import DEFAULT
from elitscope_service.store import keys
from elitscope_service.store.connect import StoreUnavailable, store_errors
from elitscope_service.store.documents import AppliedSelection, Autopilot, Hold, Told
from elitscope_service.store.drift import KEPT_S, AdviceRecord, DriftRecord, WatchRecord

logger = logging.getLogger(__name__)

EVERY_S, DRIFTING_EVERY_S = 1.0, 0.5
"""How often a stream's documents are written at most, where there is no news; and while alarms are on, or a change is advised."""
RETRY_S = 0.5
MOST_NEWS = 64
MOST_STREAMS = 64


Adviser = Callable[[Finding, AppliedSelection, Sequence[Manifest]], Recommendation]


@dataclass
class _Desk:
    """What is to be said of a stream: the last finding, unless that was said, and events."""

    pilot: Pilot
    news: News = field(default_factory=News)
    finding: Finding | None = None
    learned: WatchRecord | None = None
    events: deque[Told] = field(default_factory=lambda: deque(maxlen=MOST_NEWS))
    due_at: float = 0.0
    acting: asyncio.Task[None] | None = None


class Reporter:
    """Lives in the event loop.

    Args:
        store: for asyncio.
        ready: manifests of the ensembles that could be used.
        clock: monotonic seconds; `wall`: Unix seconds.
        advise: what advice comes from.
    """

    def __init__(
        self,
        store: redis.asyncio.Redis,
        ready: Callable[[], Sequence[Manifest]],
        clock: Callable[[], float],
        wall: Callable[[], float],
        advise: Adviser = advise,
    ) -> None:
        self._store: Any = store
        self._ready = ready
        self._advise = advise
        self._clock = clock
        self._wall = wall
        self._desks: dict[str, _Desk] = {}
        self._woken = asyncio.Event()
        self._silent = False
        self._log_limit = LogLimit(10.0, clock)

    def put(self, finding: Finding) -> None:
        """Something was found; it replaces what was not said yet of the stream, but for its news."""
        desk = self._desk(finding.stream)
        desk.finding, desk.learned = finding, finding.learned or desk.learned
        desk.events += (_event(finding, body) for body in desk.news.of_frame(drift_record(finding)))
        if desk.events:
            desk.due_at = 0.0
        self._woken.set()

    async def run(self) -> None:
        """Say what there is to say, for ever. A store that does not answer is asked again; what is then the latest counts."""
        while True:
            try:
                await self._say_what_is_due()
                self._note(None)
            except StoreUnavailable as error:
                self._note(error)
                await asyncio.sleep(RETRY_S)
            await self._wait()

    async def close(self) -> None:
        """Leave what is being done to the engine: it is in the store, or nothing of it is."""
        await end(*(desk.acting for desk in self._desks.values() if desk.acting is not None))

    # ------------------------------------------------------------------------------------------------------------ when

    async def _wait(self) -> None:
        due = [desk.due_at for desk in self._desks.values() if desk.finding is not None]
        self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(due) - self._clock()) if due else None):
                await self._woken.wait()

    async def _say_what_is_due(self) -> None:
        now = self._clock()
        for stream, desk in list(self._desks.items()):
            if desk.finding is None or now < desk.due_at:
                continue
            try:
                await self._report(stream, desk, desk.finding)
            except StoreUnavailable:
                raise
            except Exception:  # a defect costs what was found in this frame, never the monitor
                desk.finding = None
                if (held := self._log_limit.pass_on(stream)) is not None:
                    logger.exception("what was found in stream %s can't be told (%d more not logged)", stream, held)

    # ------------------------------------------------------------------------------------------------------------ what

    async def _report(self, stream: str, desk: _Desk, finding: Finding) -> None:
        situation = await read_situation(self._store, stream)
        drift = drift_record(finding)
        if situation is None:
            desk.finding = None
            return
        advice = await asyncio.to_thread(self._advise, finding, situation.applied, self._ready())
        decision = desk.pilot.decide(advice, finding.frame_id, situation)
        record = advice_record(finding, advice, desk.pilot.since_frame_id, decision.record)
        desk.events += (_event(finding, body) for body in desk.news.of_advice(record))
        events, learned = list(desk.events), desk.learned
        await self._write(drift, record, learned, [*events, _told(finding, False, figures(drift, record))])
        while desk.events and desk.events[0] in events:  # others may have come meanwhile
            desk.events.popleft()
        if desk.learned is learned:
            desk.learned = None
        pause_s = DRIFTING_EVERY_S if drift.alarms or advice.kind != "no_change" else EVERY_S
        desk.due_at = 0.0 if desk.events else self._clock() + pause_s
        if desk.finding is finding:
            desk.finding = None
        if decision.manoeuvre is not None and desk.acting is None:
            desk.acting = asyncio.create_task(self._act(desk, situation, decision))

    async def _write(self, drift: DriftRecord, advice: AdviceRecord, learned: WatchRecord | None, told: Iterable[Told]) -> None:
        with store_errors():
            async with self._store.pipeline(transaction=False) as pipe:
                pipe.set(keys.drift(drift.stream), drift.dumps(), ex=KEPT_S)
                pipe.set(keys.recommendation(drift.stream), advice.dumps(), ex=KEPT_S)
                if learned is not None:
                    pipe.set(keys.watch(drift.stream), learned.dumps(), ex=KEPT_S)
                for one in told:
                    pipe.publish(keys.TOLD, one.dumps())
                await pipe.execute()

    async def _act(self, desk: _Desk, situation: Situation, decision: Decision) -> None:
        assert decision.manoeuvre is not None
        try:
            why_not = await act(self._store, situation.applied, decision.manoeuvre, decision.record.why, self._clock, self._wall)
        except Exception as error:  # noqa: BLE001 - as above
            why_not = f"a defect: {error!r}"
        if why_not:
            logger.warning("stream %s: the autopilot's change was not made: %s", situation.applied.stream, why_not)
            desk.pilot.refused(why_not)
        else:
            logger.info("stream %s: the autopilot has acted: %s", situation.applied.stream, decision.record.why)
        desk.acting = None

    def _desk(self, stream: str) -> _Desk:
        desk = self._desks.pop(stream, None) or _Desk(Pilot(self._wall))
        self._desks[stream] = desk
        idle = [name for name, other in self._desks.items() if other.acting is None]
        for name in idle[: max(0, len(self._desks) - MOST_STREAMS)]:
            del self._desks[name]
        return desk

    def _note(self, error: StoreUnavailable | None) -> None:
        """Say it once when the store goes, and once when it is back."""
        if error is not None and not self._silent:
            logger.warning("what is seen can't be told: %s", error)
        elif error is None and self._silent:
            logger.info("the store answers again")
        self._silent = error is not None


async def read_situation(store: Any, stream: str) -> Situation | None:
    """Where a stream stands; None where it has no selection (yet). A stream without a mode of its own has that of `default`.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    names = [keys.applied(stream), keys.hold(stream), keys.autopilot(stream), keys.autopilot(DEFAULT)]
    with store_errors():
        applied, hold, own, default = await store.mget(names)
    selection = AppliedSelection.loads_or_none(applied)
    if selection is None:
        return None
    mode = Autopilot.loads_or_none(own) or Autopilot.loads_or_none(default) or Autopilot()
    return Situation(selection, Hold.loads_or_none(hold), mode)


def _event(finding: Finding, body: dict[str, Any]) -> Told:
    return _told(finding, True, body)


def _told(finding: Finding, is_event: bool, body: dict[str, Any]) -> Told:
    return Told(stream=finding.stream, is_event=is_event, at=finding.at, body={"ensemble": finding.ensemble, **body})
