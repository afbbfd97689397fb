"""Frames of a few Gaussian dots whose places are known exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def dots(
    shape: tuple[int, int], positions: Sequence[tuple[float, float]] | np.ndarray, sigma: float = 2.0, peak: float = 1.0, floor: float = 0.0
) -> np.ndarray:
    """float32 [row, column]: `floor` plus a dot of height `peak` and width `sigma` (px) at every (row, column) position."""
    frame = np.full(shape, floor, np.float64)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    for row, column in positions:
        frame += peak * np.exp(-((rows - row) ** 2) / (2 * sigma**2)) * np.exp(-((columns - column) ** 2) / (2 * sigma**2))
    return frame.astype(np.float32)


def lattice(shape: tuple[int, int], spacing: float = 14.0, margin: float = 8.0) -> np.ndarray:
    """float64 [n, 2]: a square lattice of positions (row, column), `margin` px away from the frame's edges."""
    rows = np.arange(margin, shape[0] - margin, spacing)
    columns = np.arange(margin, shape[1] - margin, spacing)
    return np.array([(r, c) for r in rows for c in columns], float).reshape(-1, 2)
