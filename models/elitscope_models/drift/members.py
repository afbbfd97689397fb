"""What one member finds by itself: the blobs of its map, as places, areas and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from elitscope_models.drift.peaks import peaks

Array = np.ndarray[Any, np.dtype[Any]]

_CONTACT = 4
"""Blobs are connected along edges, as everywhere."""


@dataclass(frozen=True)
class OwnBlobs:
    """`places`: float64 [blob, 2], (row, column) px; `areas`: px; `fill`: share of its box that a blob fills."""

    places: Array
    areas: Array
    fill: Array


def own_blobs(own: Array, threshold: float) -> OwnBlobs:
    """Blobs of a map, float32 [row, column], above the threshold."""
    mask = np.ascontiguousarray(own > threshold).view(np.uint8)
    _, _, stats, centroids = cv2.connectedComponentsWithStats(mask, connectivity=_CONTACT, ltype=cv2.CV_32S)
    stats = stats[1:]
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    boxes = stats[:, cv2.CC_STAT_WIDTH].astype(float) * stats[:, cv2.CC_STAT_HEIGHT]
    return OwnBlobs(centroids[1:, ::-1], areas, areas / np.maximum(boxes, 1.0))


def own_peaks(own: Array, threshold: float, radius: float) -> Array:
    """Atoms of a map, float32 [row, column], one or more a blob: peaks no nearer than 0.6 of a disc's radius (px); int [n, 2]."""
    return peaks(np.asarray(cv2.GaussianBlur(own, (0, 0), max(0.5, 0.3 * radius))), threshold, 0.6 * radius)


def atom_maps(maps: Array) -> Array:
    """Probability of an atom of whatever class: float32 [member, class, row, column] → [member, row, column]."""
    return np.asarray(maps[:, 0] if maps.shape[1] == 1 else maps.sum(axis=1))
