"""How sure a ratio of percentiles is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RUN = 20
"""Neighbouring frames share their luck (a timer, a page of memory), so they are drawn together."""


@dataclass(frozen=True)
class Ratio:
    """A ratio, and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float


def p99(values: np.ndarray) -> float:
    """The 99th percentile."""
    return float(np.percentile(values, 99))


def p99_ratio(disturbed: np.ndarray, undisturbed: np.ndarray, rng: np.random.Generator, draws: int = 2000) -> Ratio:
    """The ratio of two samples' 99th percentiles, with a block bootstrap's interval.

    >>> steady = np.linspace(1.0, 2.0, 400)
    >>> ratio = p99_ratio(2 * steady, steady, np.random.default_rng(0), draws=50)
    >>> round(ratio.value, 3), ratio.low <= 2.0 <= ratio.high
    (2.0, True)
    """
    drawn = [_drawn_p99(disturbed, rng) / _drawn_p99(undisturbed, rng) for _ in range(draws)]
    low, high = (float(bound) for bound in np.percentile(drawn, (2.5, 97.5)))
    return Ratio(p99(disturbed) / p99(undisturbed), low, high)


def _drawn_p99(values: np.ndarray, rng: np.random.Generator) -> float:
    starts = rng.integers(0, len(values) - RUN + 1, size=-(-len(values) // RUN))
    return p99(values[starts[:, None] + np.arange(RUN)].ravel())
