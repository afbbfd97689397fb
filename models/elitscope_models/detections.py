"""How many things one network sees by itself."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Maps = np.ndarray[Any, np.dtype[np.float32]]


def detections(own: Maps, threshold: float) -> int:
    """Number of connected regions above the threshold, over all classes: 0 and up; what touches counts as one.

    Compared with the ensemble's number of atoms it shows a network that sees too much (noise, fog) or too little.

    Args:
        own: the network's maps, float32 [class, row, column], probabilities.
        threshold: probability that a pixel of an atom exceeds.

    >>> detections(np.array([[[0.9, 0.1, 0.8], [0.9, 0.1, 0.1]]], np.float32), 0.5)
    2
    """
    above = (np.ascontiguousarray(layer > threshold).view(np.uint8) for layer in own)
    return sum(int(cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)[0]) - 1 for mask in above)
