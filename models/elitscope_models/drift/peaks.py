"""Local maxima of a map."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]


def peaks(image: Array, least: float, radius: float, edge: int = 0) -> Array:
    """Places above `least` that nothing within about `radius` px exceeds, int [n, 2], (row, column); of equal ones the first.

    Args:
        image: float32 [row, column].
        least: value that a peak exceeds.
        radius: px.
        edge: px from the image's edge within which there are none.

    >>> flat = np.array([[0, 0, 0, 0, 0], [0, 2, 2, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], np.float32)
    >>> peaks(flat, 0.5, 1.0).tolist()
    [[1, 1], [3, 4]]
    """
    size = 2 * max(1, round(radius)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    tops = (image >= cv2.dilate(image, kernel)) & (image > least)
    if edge:
        tops[:edge] = tops[-edge:] = False
        tops[:, :edge] = tops[:, -edge:] = False
    places = np.stack(np.nonzero(tops), axis=1)
    if len(places) < 2:
        return places
    pairs = cKDTree(places).query_pairs(max(1.5, radius), output_type="ndarray")  # of a level top every pixel is one
    keep = np.ones(len(places), bool)
    keep[pairs.max(axis=1)] = False
    return places[keep]
