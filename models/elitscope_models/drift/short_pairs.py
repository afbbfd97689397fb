"""Atoms that lie closer together than those of any lattice."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]

SHORT = 0.7
"""Of the usual distance of neighbours."""


def nearest(places: Array) -> Array:
    """px from each place to its nearest neighbour, float64 [place]; infinite for a single one."""
    if len(places) < 2:
        return np.full(len(places), np.inf)
    return np.asarray(cKDTree(places).query(places, k=2)[0][:, 1])


def short_pairs(distances: Array, usual: float) -> float:
    """Share of atoms whose nearest neighbour is closer than `SHORT` of what is usual: 0 to 1, NaN without atoms.

    >>> short_pairs(np.array([10.0, 10.0, 6.0, 6.0]), 10.0)
    0.5
    """
    return float((distances < SHORT * usual).mean()) if len(distances) else float("nan")
