"""How alike two segmentations are, pixel by pixel: the weighted Jaccard index, also known as Ruzicka similarity."""

from __future__ import annotations

from typing import Any

import numpy as np

Maps = np.ndarray[Any, np.dtype[np.float32]]

_LEAST = 1e-3
"""Mean of the larger values below which there is nothing to agree on: two maps of empty vacuum."""


def pixel_agreement(own: Maps, others: Maps) -> float:
    """Sum of the smaller over sum of the larger probabilities, all pixels and classes: no unit, 0 (no overlap) to 1 (equal).

    Unlike a mean difference it does not depend on how much of the frame is background, where all networks agree. Of binary maps it is the
    intersection over union.

    Args:
        own: one network's maps, float32 [class, row, column], probabilities.
        others: what it is compared with, the same shape; the mean of the other networks, say.

    Returns:
        NaN where neither sees anything, and where a map is not finite.

    >>> pixel_agreement(np.array([[[1.0, 0.5]]], np.float32), np.array([[[1.0, 0.0]]], np.float32)) == 1 / 1.5
    True
    """
    smaller = float(np.minimum(own, others).sum(dtype=np.float64))
    larger = float(np.maximum(own, others).sum(dtype=np.float64))
    return smaller / larger if larger > _LEAST * own.size else float("nan")
