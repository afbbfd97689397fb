"""What the scan does to an image: lines that jitter, a specimen that drifts meanwhile."""

from __future__ import annotations

import math

import numpy as np

from elitscope.simulator.conditions import Conditions


def line_jitter(rows: int, conditions: Conditions, rng: np.random.Generator) -> np.ndarray:
    """px by which each scan line is displaced along the fast axis, float64 [row]: half white, half drifting over a few lines."""
    white, walk = rng.standard_normal(rows), rng.standard_normal(rows + 15)
    slow = np.convolve(walk, np.hanning(18)[1:-1] / np.linalg.norm(np.hanning(18)[1:-1]), "valid")
    return np.asarray(conditions.row_jitter * (white + slow) / math.sqrt(2.0))


def drift(points: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Points in px as a scan shows them that drifts by `shear`."""
    moved = points.copy()
    moved[:, 0] = points[:, 0] * (1.0 + conditions.shear[0])
    moved[:, 1] = points[:, 1] + conditions.shear[1] * moved[:, 0]
    return moved


def shift_rows(image: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Each row moved towards higher columns by its shift (px), linearly interpolated, edges held."""
    last = image.shape[1] - 1
    source = (np.arange(image.shape[1]) - shifts[:, None]).clip(0.0, last)
    left = np.floor(source).astype(np.intp)
    fraction = (source - left).astype(np.float32)
    rows = np.arange(image.shape[0])[:, None]
    return np.asarray(image[rows, left] * (1.0 - fraction) + image[rows, np.minimum(left + 1, last)] * fraction)


def seen_jitter(rows: np.ndarray, jitter: np.ndarray, sigma: float) -> np.ndarray:
    """Mean shift (px) of the lines that show an atom in each of the given rows, weighted by how brightly they show it."""
    reach = math.ceil(3.0 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 0.5)) ** 2)
    seen = np.convolve(np.pad(jitter, reach, mode="edge"), weights / weights.sum(), "valid")
    return np.asarray(np.interp(rows, np.arange(len(jitter)), seen))
