"""Blobs beside the disc that a member was trained to draw around every atom."""

from __future__ import annotations

import math

import numpy as np

from elitscope_models.drift.members import OwnBlobs

SMALL, LARGE, FILLED = 0.4, 1.8, 0.5
"""Areas, in those of the disc, beyond which a blob is odd, and the least share of its box that it fills (a disc: 0.79)."""


def blob_size(blobs: OwnBlobs, radius: float) -> float:
    """Median area over that of a disc of `radius` px: 0 and up; NaN without blobs.

    >>> blob_size(OwnBlobs(np.zeros((1, 2)), np.array([math.pi * 4.0]), np.ones(1)), 2.0)
    1.0
    """
    return float(np.median(blobs.areas)) / (math.pi * radius**2) if len(blobs.areas) else float("nan")


def odd_blobs(blobs: OwnBlobs, radius: float) -> float:
    """Share of blobs that are far too small, far too large or of another shape: 0 to 1, NaN without blobs."""
    if not len(blobs.areas):
        return float("nan")
    relative = blobs.areas / (math.pi * radius**2)
    return float(((relative < SMALL) | (relative > LARGE) | (blobs.fill < FILLED)).mean())
