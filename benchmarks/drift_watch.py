"""How soon drift is told, and how often where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.drift_movies import STEADY
from elitscope_models.drift import Alarm, Look, Watch

Array = np.ndarray[Any, np.dtype[Any]]

HOUR = 14_400
"""Frames in an hour at four a second."""
FALL = 0.05
"""Of F1, that an alarm should not be later than."""
BLOCK = 5
"""Neighbouring looks that are resampled together."""


@dataclass(frozen=True)
class Announced:
    """One ramp. `fell`: frame at which F1 was `FALL` below that of the steady part for good, None where it never was; `told`: frame of the
    first alarm in the ramp; `began`: since when that says; `early`: alarms before it; `f1`: of the steady part, and the lowest."""

    kind: str
    fell: int | None
    told: int | None
    began: int | None
    early: int
    f1: tuple[float, float]
    text: str

    @property
    def in_time(self) -> bool:
        """Told at most five frames after the fall."""
        return self.told is not None and (self.fell is None or self.told <= self.fell + 5)


def announced(kind: str, looks: Sequence[Look], f1: Array, start: int = STEADY) -> Announced:
    """What a watch says of a ramp that begins at frame `start`."""
    watch, first, early = Watch(), None, 0
    was_on = False
    for index, one in enumerate(looks):
        alarms = watch.update(one).alarms
        if alarms and not was_on and index < start:
            early += 1
        if alarms and index >= start and first is None:
            first = (index, alarms[0])
        was_on = bool(alarms)
    usual = float(f1[:start].mean())
    fallen = f1[start:] <= usual - FALL
    rest = np.flatnonzero(~fallen)
    fell = start + (int(rest[-1]) + 1 if len(rest) else 0)
    return Announced(
        kind=kind,
        fell=fell if fell < len(f1) else (start + int(fallen.argmax()) if fallen.any() else None),
        told=first[0] if first else None,
        began=first[1].began_frame_id if first else None,
        early=early,
        f1=(usual, float(f1[start:].min())),
        text=first[1].text if first else "",
    )


@dataclass(frozen=True)
class Quiet:
    """Steady looks fed to watches. `frames`: looks watched, without those learned from; `alarms`: how often one began; `by_signal`: of
    what."""

    name: str
    frames: int
    alarms: int
    by_signal: Counter[str]


def quiet(name: str, looks: Sequence[Look], frames: int, rng: np.random.Generator, streams: int = 2) -> Quiet:
    """False alarms on looks resampled from recorded ones.

    Every stream draws, with replacement, blocks of `BLOCK` neighbouring looks; the first ones are learned from, as in a stream that begins.
    """
    watched, begun, which = 0, 0, Counter[str]()
    for _ in range(streams):
        watch, before = Watch(), set[tuple[str, int | None]]()
        for index, one in enumerate(resampled(looks, frames // streams + watch.learn, rng)):
            on = {(alarm.signal, alarm.member) for alarm in watch.update(one).alarms}
            if on and not before:
                begun += 1
                which.update(signal for signal, _ in on)
            before = on
            watched += index >= watch.learn
    return Quiet(name, watched, begun, which)


def resampled(looks: Sequence[Look], count: int, rng: np.random.Generator) -> Iterator[Look]:
    """Recorded looks in another order, numbered anew."""
    for index in range(count):
        if index % BLOCK == 0:
            start = int(rng.integers(len(looks) - BLOCK + 1))
        yield replace(looks[start + index % BLOCK], frame_id=index)


def alarms_of(looks: Sequence[Look]) -> list[tuple[int, Alarm]]:
    """Frame and alarm of everything that begins in a movie, in its own order."""
    watch, before, found = Watch(), set[tuple[str, int | None]](), list[tuple[int, Alarm]]()
    for one in looks:
        alarms = watch.update(one).alarms
        found += [(one.frame_id, alarm) for alarm in alarms if (alarm.signal, alarm.member) not in before]
        before = {(alarm.signal, alarm.member) for alarm in alarms}
    return found
