"""What one member finds by itself: the blobs of its map, as places, areas and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

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


def atom_maps(maps: Array) -> Array:
    """Probability of an atom of whatever class: float32 [member, class, row, column] → [member, row, column]."""
    return np.asarray(maps[:, 0] if maps.shape[1] == 1 else maps.sum(axis=1))
