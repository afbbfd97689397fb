"""How noisy an image is, told from its finest detail: along columns and along rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_STRIDE = 3
"""Of three lines one is looked at: that is enough."""
_TO_SIGMA = np.sqrt(np.pi / 2.0 / 6.0)
"""From the mean of |1, −2, 1| differences to the standard deviation of a pixel; a median would come in steps where pixels are counts."""


def pixel_noise(image: Array) -> float:
    """Standard deviation of a pixel, from second differences along lines (fast scan), which smooth images of atoms hardly have.

    >>> rng = np.random.default_rng(0)
    >>> round(pixel_noise(rng.normal(0.0, 3.0, (128, 128))), 1)
    3.0
    """
    return _second_differences(image[::_STRIDE])


def line_noise(image: Array) -> float:
    """Noise across lines over noise along them: 1 where lines are alike, more with jitter and line-to-line changes of the beam."""
    along, across = _second_differences(image[::_STRIDE]), _second_differences(image[:, ::_STRIDE].T)
    return across / along if along > 0 else float("nan")


def _second_differences(image: Array) -> float:
    if image.shape[1] < 3 or not image.size:
        return float("nan")
    return float(np.abs(image[:, 2:] - 2.0 * image[:, 1:-1] + image[:, :-2]).mean() * _TO_SIGMA)
