"""A stream under one ensemble, watched: each signal on a chart of its own, and alarms in words.

What depends on which members are active starts a new level when that selection changes; what is the image's or a member's own goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from elitscope_models.drift.change import Chart
from elitscope_models.drift.look import Look
from elitscope_models.drift.signals import SIGNAL, Signal

LEARN = 60
"""Looks from which the usual level and scale of a signal are learned."""
ANEW = 15
"""Looks from which a level is learned anew after a change of members."""
IN_A_ROW = 3
"""Looks beyond an absolute limit, one after the other, that raise an alarm."""


@dataclass(frozen=True)
class Alarm:
    """A signal that has changed for good, or is out of order. `member`: whose, None for the frame's; `usual`: NaN where only a limit is
    known; `text`: all of it in words."""

    signal: str
    member: int | None
    began_frame_id: int
    value: float
    usual: float
    text: str


@dataclass(frozen=True)
class Judgement:
    """What is made of a stream after a frame. `state`: `learning` until the first signals have a level. `scores`: signal → how near it is
    to an alarm, 1 = there, the largest over members."""

    frame_id: int
    state: Literal["learning", "watching"]
    scores: Mapping[str, float]
    alarms: tuple[Alarm, ...]


@dataclass
class Limit:
    """Looks in a row beyond a signal's absolute limit."""

    limit: float
    count: int = 0
    began: int | None = None

    def update(self, value: float, frame_id: int) -> bool:
        """Take one value; whether so many in a row are beyond it."""
        if not math.isfinite(value):
            return self.count >= IN_A_ROW
        if abs(value) <= self.limit:
            self.count, self.began = 0, None
            return False
        self.began = frame_id if self.began is None else self.began
        self.count = min(IN_A_ROW, self.count + 1)
        return self.count >= IN_A_ROW


@dataclass
class Watch:
    """One stream under one ensemble. Looks come in the order of their frames; frames may be left out.

    `learn`: looks from which it learns what is usual. The rest is what it has learned, by signal and member: `kept` keeps that.
    """

    learn: int = LEARN
    charts: dict[tuple[str, int | None], Chart] = field(default_factory=dict)
    limits: dict[tuple[str, int | None], Limit] = field(default_factory=dict)
    members: tuple[int, ...] | None = None

    def update(self, look: Look) -> Judgement:
        """Take the look at one more frame."""
        if self.members is not None and look.members != self.members:
            for (name, _), chart in self.charts.items():
                if SIGNAL[name].of_selection:
                    chart.start_level_anew(min(self.learn, ANEW))
        self.members = look.members
        scores: dict[str, float] = {}
        alarms = []
        for signal, member, value in _watched(look):
            key = (signal.name, member)
            chart = self.charts.setdefault(key, Chart(signal.least, self.learn))
            on = chart.update(value, look.frame_id)
            limit = None if signal.limit is None else self.limits.setdefault(key, Limit(signal.limit))
            beyond = limit is not None and limit.update(value, look.frame_id)
            score = max(chart.score, 0.0 if limit is None else limit.count / IN_A_ROW)
            scores[signal.name] = max(scores.get(signal.name, 0.0), score)
            if on or beyond:
                began = chart.began if on else (limit.began if limit else None)
                alarms.append(_alarm(signal, member, look.frame_id if began is None else began, value, chart.usual))
        learning = not any(chart.state == "watching" for chart in self.charts.values())
        return Judgement(look.frame_id, "learning" if learning else "watching", scores, tuple(alarms))


def _watched(look: Look) -> Iterator[tuple[Signal, int | None, float]]:
    for name, value in look.frame.items():
        if SIGNAL[name].watched:
            yield SIGNAL[name], None, value
    for member, values in look.by_member.items():
        for name, value in values.items():
            if SIGNAL[name].watched:
                yield SIGNAL[name], member, value


def _alarm(signal: Signal, member: int | None, began: int, value: float, usual: float) -> Alarm:
    who = "" if member is None else f"network {member}: "
    unit = f" {signal.unit}" if signal.unit else ""
    before = f"beyond {signal.limit:g}" if math.isnan(usual) and signal.limit is not None else f"usually {usual:.3g}"
    text = f"{who}{signal.name.replace('_', ' ')} {value:.3g}{unit}, {before}, since frame {began}"
    return Alarm(signal.name, member, began, value, usual, text)
