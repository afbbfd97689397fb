"""Has a figure changed for good? A two-sided CUSUM on robustly standardised values (Page, Biometrika 41, 100 (1954)).

    z = (value − usual) / scale, clipped to ±6         S⁺ ← max(0, S⁺ + z − k)         S⁻ ← max(0, S⁻ − z − k)

An alarm is raised where either sum reaches h. With k = 1 and h = 15 a shift by two scales is announced within 15 values, any abrupt one by
six or more within 3; a single wild value never suffices, since it adds 5 at most. For independent normal values false alarms are
practically unknown (`average_run_length`); the room is for what real streams have: a level and a scale learned from few values, values
that hang together, heavy tails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

ALLOWANCE = 1.0
"""k: change, in scales, up to which the sums do not grow."""
THRESHOLD = 15.0
"""h: sum at which there is an alarm."""
CLIP = 6.0
"""Scales beyond which a value counts no more."""
_TOGETHER = 4
"""Values whose means tell whether neighbouring ones hang together."""


@dataclass
class Chart:
    """One figure over time: `learn` values are learned from, then watched. `least`: smallest scale.

    `began` is the frame after which the sum that is now the larger one has not been zero: the most likely beginning (Page).
    """

    least: float
    learn: int = 60
    usual: float = math.nan
    scale: float = math.nan
    alarmed: bool = False
    began: int | None = None
    _values: list[float] = field(default_factory=list)
    _up: float = 0.0
    _down: float = 0.0
    _up_since: int | None = None
    _down_since: int | None = None

    @property
    def state(self) -> Literal["learning", "watching"]:
        """Whether there is a level to compare with."""
        return "learning" if math.isnan(self.usual) else "watching"

    @property
    def score(self) -> float:
        """The larger sum, 1 = alarm; 0 while it learns."""
        return max(self._up, self._down) / THRESHOLD

    def update(self, value: float, frame_id: int) -> bool:
        """Take one value, of any frame later than the last; returns whether the alarm is on. What is not finite is left out.

        An alarm goes off once both sums are back to less than a quarter of the threshold.

        >>> chart = Chart(least=0.1, learn=4)
        >>> [chart.update(value, frame) for frame, value in enumerate([1.0, 1.1, 0.9, 1.0, 1.0, 3.0, 3.0, 3.0])][-2:]
        [False, True]
        >>> chart.began
        5
        """
        if not math.isfinite(value):
            return self.alarmed
        if self.state == "learning":
            self._learn(value)
            return False
        z = min(CLIP, max(-CLIP, (value - self.usual) / self.scale))
        self._up, self._up_since = _step(self._up, z, self._up_since, frame_id)
        self._down, self._down_since = _step(self._down, -z, self._down_since, frame_id)
        if max(self._up, self._down) >= THRESHOLD:
            if not self.alarmed:
                self.began = self._up_since if self._up >= self._down else self._down_since
            self.alarmed = True
        elif max(self._up, self._down) < THRESHOLD / 4:
            self.alarmed, self.began = False, None
        return self.alarmed

    def start_level_anew(self, learn: int) -> None:
        """Learn another level from that many values; the scale stays, where there is one. For a change that is none of the frame's."""
        self._values, self.learn, self.usual = [], learn, math.nan
        self._up = self._down = 0.0
        self._up_since = self._down_since = self.began = None
        self.alarmed = False

    def _learn(self, value: float) -> None:
        self._values.append(value)
        if len(self._values) >= self.learn:
            self.usual, scale = usual_and_scale(np.array(self._values), self.least)
            self.scale = scale if math.isnan(self.scale) else max(scale, self.scale)
            self._values = []


def usual_and_scale(values: np.ndarray[tuple[int], np.dtype[np.float64]], least: float) -> tuple[float, float]:
    """Median and scale of values in their order.

    The scale is the standard deviation of what lies within 3.5 robust deviations of the median, or twice that of means of four where values
    hang together; widened for having been estimated from few; `least` where it would be smaller.
    """
    usual = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - usual)))
    near = values[np.abs(values - usual) <= 3.5 * max(spread, least)]
    spreads = [
        spread,
        _deviation(near),
        math.sqrt(_TOGETHER) * _deviation(near[: len(near) // _TOGETHER * _TOGETHER].reshape(-1, _TOGETHER).mean(1)),
    ]
    return usual, max(max(spreads) * (1.0 + 2.0 / math.sqrt(len(values))), least)


def _deviation(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(values.std()) if len(values) > 1 else 0.0


def average_run_length(allowance: float = ALLOWANCE, threshold: float = THRESHOLD) -> float:
    """Values until a false alarm on either side, on average, for independent normal values of known level and scale.

    Siegmund's approximation (Sequential Analysis, 1985): (exp(2kb) − 2kb − 1) / 2k² with b = h + 1.166, halved for two sides. Where the
    learned level is off by δ scales, k − δ takes the place of k; where the scale was learned f times too small, k / f and h / f.

    >>> average_run_length(0.5, 4.0) < 200 < average_run_length(0.5, 5.0)
    True
    """
    exponent = 2.0 * allowance * (threshold + 1.166)
    return (math.exp(exponent) - exponent - 1.0) / (4.0 * allowance**2)


def _step(total: float, z: float, since: int | None, frame_id: int) -> tuple[float, int | None]:
    """The sum after z, at most the threshold so that an alarm can end, and the frame since which it has not been zero."""
    grown = min(THRESHOLD, total + z - ALLOWANCE)
    if grown <= 0:
        return 0.0, None
    return grown, frame_id if since is None else since
