"""How much of a frame was identified, without knowing what is there: atoms per area, against where they were found best.

The paper repeats its loop until "the detection rate becomes sufficiently high", and takes it by eye. Here it is the number of identified
atoms over the number that the frame would hold if all of it were like its best-found regions: 1 for an unbroken lattice, less with holes,
vacuum or dirt, which nobody fills. It is for comparing rounds, not specimens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]

_REACH = 3.0
"""Distances of nearest neighbours around an atom within which others are counted."""
_BEST = 80.0
"""Percentile over the atoms that stands for the best-found regions."""


def best_density(places: Iterable[Array], sizes: Iterable[tuple[float, float]]) -> float:
    """Atoms per Å² where they were found best; 0 with too few atoms.

    Args:
        places: of each frame, float [atom, 2], Å.
        sizes: of each frame, (height, width), Å.
    """
    counted = [_densities(each, size) for each, size in zip(places, sizes, strict=True)]
    everything = np.concatenate(counted) if counted else np.zeros(0)
    return float(np.percentile(everything, _BEST)) if len(everything) else 0.0


def detection_rate(identified: int, area: float, density: float) -> float:
    """Identified atoms over those expected on `area` (Å²) at `density` (1/Å²); NaN where nothing is expected.

    >>> detection_rate(30, 100.0, 0.4)
    0.75
    """
    return identified / (area * density) if area * density > 0 else float("nan")


def _densities(places: Array, size: tuple[float, float]) -> Array:
    """Around every atom that is far enough from the frame's edge."""
    if len(places) < 3:
        return np.zeros(0)
    tree = cKDTree(places)
    reach = _REACH * float(np.median(tree.query(places, 2)[0][:, 1]))
    inner = np.all((places >= reach) & (places <= np.asarray(size) - reach), axis=1)
    if not inner.any() or not reach > 0:
        return np.zeros(0)
    # atoms count the less the farther they are: where all within a circle counted alike, whole rings of neighbours would fall on its edge
    pairs = tree.query_pairs(reach, output_type="ndarray")
    near = 1.0 - (np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1) / reach) ** 2
    counted = 1.0 + np.bincount(pairs.T.ravel(), np.tile(near, 2), len(places))
    return np.asarray(counted[inner] / (np.pi * reach**2 / 2.0))
