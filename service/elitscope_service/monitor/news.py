"""What is new in a stream since it was last told: alarms that began or ended, hotspots where there were none, other advice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from elitscope_service.monitor.records import MOST_TOLD, told_advice
from elitscope_service.store.drift import AdviceRecord, AlarmRecord, DriftRecord, HotspotRecord

SPOTS_EVERY_S = 2.0
"""How often hotspots are told of at most: where they flicker, every frame has some."""

NEAR = 2.0
"""Radii within which two hotspots are the same."""

_Key = tuple[str, int | None]


class News:
    """One stream's."""

    def __init__(self) -> None:
        self._alarms: dict[_Key, AlarmRecord] = {}
        self._spots: tuple[HotspotRecord, ...] = ()
        self._spots_at = -math.inf
        self._advised: object = None

    def of_frame(self, drift: DriftRecord) -> Iterator[dict[str, Any]]:
        """The bodies of events that a look at a frame gives rise to. One may tell of many alarms: drift moves several signals at once."""
        now = {(alarm.signal, alarm.member): alarm for alarm in drift.alarms}
        began = [alarm for key, alarm in now.items() if key not in self._alarms]
        ended = [alarm for key, alarm in self._alarms.items() if key not in now]
        self._alarms = now
        for what, alarms in (("began", began), ("ended", ended)):
            if alarms:
                told = [alarm.model_dump() for alarm in alarms[:MOST_TOLD]]
                yield {"what": what, "frame_id": drift.frame_id, "score": drift.score, "alarms": told, "count": len(alarms)}
        new = [spot for spot in drift.hotspots if not any(_same(spot, known) for known in self._spots)]
        if new and drift.at >= self._spots_at + SPOTS_EVERY_S:
            self._spots_at = drift.at
            told = [spot.model_dump() for spot in new[:MOST_TOLD]]
            yield {"what": "hotspots", "frame_id": drift.frame_id, "hotspots": told, "count": len(new)}
            self._spots = drift.hotspots

    def of_advice(self, advice: AdviceRecord) -> Iterator[dict[str, Any]]:
        """The same of advice; in mode `off` nobody is told unasked."""
        key = (advice.kind, advice.members, advice.use)
        quiet = advice.autopilot.mode == "off" or (self._advised is None and advice.kind == "no_change")
        if key != self._advised and not quiet:
            self._advised = key
            yield {"what": "recommendation", "frame_id": advice.frame_id, **told_advice(advice), "autopilot": advice.autopilot.state}


def _same(one: HotspotRecord, other: HotspotRecord) -> bool:
    reach = NEAR * max(one.radius, other.radius)
    return one.kind == other.kind and abs(one.row - other.row) <= reach and abs(one.column - other.column) <= reach
