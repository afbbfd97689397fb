"""Frames whose atoms are many pixels wide are looked at in half the size: a quarter of the work, and nothing of an atom is lost."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_ROOMY = 4.0
"""px, radius of an atom's disc from which half the pixels show it well, a wrong sampling included."""
_LEAST = 128


def roomy(radius: float, shape: tuple[int, ...]) -> bool:
    """Whether frames of this shape, with discs of this radius (px), can be halved."""
    return radius >= _ROOMY and min(shape) >= _LEAST


def halved(image: Array) -> Array:
    """[row, column] at half the size, four pixels averaged into one; an odd last line is left out.

    >>> halved(np.array([[0.0, 2.0], [4.0, 6.0]])).tolist()
    [[3.0]]
    """
    rows, columns = (side - side % 2 for side in image.shape)
    return np.asarray(cv2.resize(image[:rows, :columns], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)).reshape(
        rows // 2, columns // 2
    )
