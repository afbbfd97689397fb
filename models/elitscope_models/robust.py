"""What is usual, and what is not, where a few values are far off."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


def median(values: Array) -> float:
    """The upper one, where there are two in the middle: NumPy's own takes three times as long.

    >>> median(np.array([3.0, 1.0, 2.0, 9.0]))
    3.0
    """
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def median_and_sigma(values: Array) -> tuple[float, float]:
    """The median, and a standard deviation that some outliers do not change (1.4826 median absolute deviations)."""
    middle = median(values)
    return middle, _SIGMA * median(np.abs(values - middle))
