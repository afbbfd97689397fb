"""What the image itself says about a place, whatever any network makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_INNER, _OUTER, _WIDE = 0.7, 1.6, 4.0
"""Widths (standard deviations) of an atom, of what is around it, and of its surroundings, in radii of the trained disc."""


@dataclass(frozen=True)
class Evidence:
    """float32 [row, column] each: `peak`, how much brighter the image is at the scale of an atom than around it; `surroundings`, how
    bright it is all around. `noise`: standard deviation that the image's noise gives `peak`."""

    peak: Array
    surroundings: Array
    noise: float


def evidence(image: Array, radius: float, noise: float) -> Evidence:
    """A difference of Gaussians as wide as an atom.

    Args:
        image: float32 [row, column].
        radius: px, of an atom's disc.
        noise: standard deviation of a pixel.
    """
    inner, outer = _INNER * radius, _OUTER * radius
    narrow = _blurred(image, inner)
    around = cv2.GaussianBlur(narrow, (0, 0), np.sqrt(outer**2 - inner**2), borderType=cv2.BORDER_REFLECT_101)
    return Evidence(narrow - around, _coarse(around, _WIDE * radius), noise * _gain(inner, outer))


def _blurred(image: Array, sigma: float) -> Array:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.5), borderType=cv2.BORDER_REFLECT_101))


def _coarse(image: Array, sigma: float) -> Array:
    """A wide blur, at a quarter of the size."""
    rows, columns = image.shape
    small = cv2.resize(image, (max(1, columns // 4), max(1, rows // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(_blurred(small, sigma / 4.0), (columns, rows), interpolation=cv2.INTER_LINEAR))


def _gain(inner: float, outer: float) -> float:
    """What the difference of two normalised Gaussians makes of white noise: the root of the sum of its squared weights."""
    both = 1.0 / (2.0 * np.pi * (inner**2 + outer**2))
    return float(np.sqrt(max(1e-12, 1.0 / (4.0 * np.pi * inner**2) + 1.0 / (4.0 * np.pi * outer**2) - 2.0 * both)))
