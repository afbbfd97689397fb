"""Fog: segmentation that is no atoms. Networks that meet what they were not trained for hedge instead of staying silent.

The paper sees it as "foggy features" that have no direct physical interpretation (ELIT paper, Fig. 2). Soft edges of well-found atoms
hold 6–10 % of the probability, at a tenth of the dose 11 %; noise, single atoms on a support and a perovskite that graphene's networks look
at 78–90 %.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Maps = np.ndarray[Any, np.dtype[np.float32]]

FOGGY = 0.4
"""Share of the probability outside atoms above which a result says so."""

_LEAST = 0.01
"""Mean probability outside atoms, over the frame, below which there is nothing worth a warning: empty vacuum."""


def fog(mean: Maps, threshold: float) -> float:
    """Share of the mean maps' probability that lies where they are at or below the threshold, 0–1; 0 for frames as good as empty.

    Args:
        mean: float32 [class, row, column], probabilities.
        threshold: probability that a pixel of an atom exceeds.

    >>> fog(np.array([[[0.9, 0.1, 0.0, 0.0]]], np.float32), 0.5) < 0.11
    True
    >>> fog(np.full((1, 4, 4), 0.3, np.float32), 0.5)
    1.0
    """
    everything = inside = 0.0
    for own in mean:
        everything += cv2.sumElems(own)[0]
        inside += cv2.sumElems(cv2.threshold(own, threshold, 0, cv2.THRESH_TOZERO)[1])[0]
    outside = everything - inside
    return outside / everything if outside > _LEAST * mean.size else 0.0


def fog_warnings(mean: Maps, threshold: float) -> tuple[str, ...]:
    """`segmentation_foggy: ...` where most of what the networks see is no atoms."""
    share = fog(mean, threshold)
    if not share > FOGGY:
        return ()
    return (f"segmentation_foggy: {share:.0%} of the probability lies outside atoms, so this is unlike what the ensemble was trained on",)
