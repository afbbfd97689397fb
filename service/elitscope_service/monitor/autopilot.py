"""Whether the autopilot carries out what is advised. It decides from what stands in the store, so a restart changes nothing about it.

| in this order                                             | state           | until                                          |
| --------------------------------------------------------- | --------------- | ---------------------------------------------- |
| its mode is off, or advise                                | off, advising   | an operator sets another                       |
| an operator holds the stream                              | held            | it is given back                               |
| somebody else changed the networks since its mode was set | standing_back   | an operator sets its mode anew                 |
| no change is advised, or training                         | idle            |                                                |
| the advice has not lasted, or is not sure enough          | waiting         | it has, frame after frame                      |
| it made a change a moment ago                             | waiting         | `REST_S`; `TAKE_BACK_S` to take networks back  |
| a change that it tried was refused                        | refused         | `REST_S` later                                 |
| otherwise                                                 | acting          | it has acted                                   |
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from elitscope_models.drift.recommend import Recommendation
from elitscope_service.planners import Planner, action_of, changed, replaced
from elitscope_service.selection import AUTOPILOT, SERVER
from elitscope_service.store.documents import AppliedSelection, Autopilot, Hold
from elitscope_service.store.drift import AutopilotRecord, Doing

AGREEING = 3
"""Frames one after the other after which the same is advised, before it is done."""
AGREEING_TO_TAKE_BACK = 6
"""The same where networks come back into use: to leave one out for too long costs less than to go to and fro."""
LEAST_CONFIDENCE = 0.75
REST_S = 30.0
TAKE_BACK_S = 120.0


Hindrance = tuple[Doing, str]
"""The state that this makes, and why in words."""


@dataclass(frozen=True)
class Situation:
    """A stream as the store has it."""

    applied: AppliedSelection
    hold: Hold | None
    autopilot: Autopilot


@dataclass(frozen=True)
class Manoeuvre:
    """A change to make: what the audit calls it, and how it is planned."""

    action: str
    planner: Planner


@dataclass(frozen=True)
class Decision:
    """What it is about, and what is to be done now, if anything."""

    record: AutopilotRecord
    manoeuvre: Manoeuvre | None = None


class Pilot:
    """One stream's autopilot.

    Args:
        wall: Unix seconds.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._advised: object = None
        self._frames = 0
        self._since_frame_id = 0
        self._last_frame_id: int | None = None
        self._refused = ""
        self._refused_until = 0.0

    @property
    def since_frame_id(self) -> int:
        """The frame since which the same is advised."""
        return self._since_frame_id

    def decide(self, advice: Recommendation, frame_id: int, situation: Situation) -> Decision:
        """Take note of what is advised after a frame, and decide."""
        self._count(advice, frame_id)
        mode, manoeuvre = situation.autopilot.mode, planned(advice, situation.applied)
        hindered = barred(situation)
        if hindered is None and manoeuvre is None:
            hindered = ("idle", "there is nothing to do")
        hindered = hindered or self._not_yet(advice, situation.applied)
        if hindered is not None:
            return Decision(AutopilotRecord(mode=mode, state=hindered[0], why=hindered[1]))
        return Decision(AutopilotRecord(mode=mode, state="acting", why="; ".join(advice.reasons)), manoeuvre)

    def refused(self, why: str) -> None:
        """The change was refused, or nobody knows."""
        self._refused, self._refused_until = why, self._wall() + REST_S

    def _not_yet(self, advice: Recommendation, applied: AppliedSelection) -> Hindrance | None:
        """Why what is advised is not done now."""
        gains = advice.members is not None and not set(advice.members) <= set(applied.members)
        needed = AGREEING_TO_TAKE_BACK if gains else AGREEING
        if self._frames < needed:
            return "waiting", f"the same was advised after {self._frames} frames: {needed} are needed"
        if advice.confidence < LEAST_CONFIDENCE:
            return "waiting", f"the advice is {advice.confidence:.2f} sure: {LEAST_CONFIDENCE:g} is needed"
        now = self._wall()
        rest_s = (TAKE_BACK_S if gains else REST_S) if applied.author == AUTOPILOT else 0.0
        if now < applied.since + rest_s:
            return "waiting", f"it changed the networks {now - applied.since:.0f} s ago: {rest_s:g} s have to pass"
        if now < self._refused_until:
            return "refused", self._refused
        return None

    def _count(self, advice: Recommendation, frame_id: int) -> None:
        key = (advice.kind, advice.members, advice.ensemble)
        if key != self._advised:
            self._advised, self._frames, self._since_frame_id = key, 0, frame_id
        elif frame_id == self._last_frame_id:
            return
        self._frames += 1
        self._last_frame_id = frame_id


def barred(situation: Situation) -> Hindrance | None:
    """Why the autopilot may not act, whatever is advised."""
    applied, mode = situation.applied, situation.autopilot.mode
    if mode == "off":
        return "off", "what is advised is told to whoever asks"
    if mode == "advise":
        return "advising", "what is advised is told, and done by nobody"
    if situation.hold is not None:
        return "held", f"{situation.hold.holder} holds the stream: it acts again once that is given back"
    if overridden(applied, situation.autopilot):
        what = f"{applied.author} changed the networks at revision {applied.revision}"
        return "standing_back", f"{what}: it acts again once its mode is set anew"
    return None


def overridden(applied: AppliedSelection, autopilot: Autopilot) -> bool:
    """Whether somebody else, a person or a program, changed the networks after the mode was set. An undo of its change is such, too."""
    return applied.touched and applied.author not in (AUTOPILOT, SERVER) and applied.since > autopilot.since


def planned(advice: Recommendation, applied: AppliedSelection) -> Manoeuvre | None:
    """The change that brings what is advised; None where there is nothing to change."""
    if advice.kind == "ensemble" and advice.ensemble is not None and advice.ensemble != applied.ensemble:
        return Manoeuvre("use", replaced(advice.ensemble, None))
    if advice.kind != "members" or advice.members is None:
        return None
    deselect = sorted({*applied.members} - {*advice.members})
    select = sorted({*advice.members} - {*applied.members})
    if not deselect and not select:
        return None
    return Manoeuvre(action_of(deselect, select), changed(deselect, select))
