"""Which atoms an ensemble is sure of: features of high variance are filtered out (ELIT paper, Fig. 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.truth import discs

Array = np.ndarray[Any, np.dtype[Any]]

SPREAD = 0.15
"""Standard deviation over members, on average over an atom's core, up to which the atom is taken for real; it is 0.5 at most."""
_CORE = 0.6
"""Of an atom's radius: the edges of all atoms are uncertain."""


def steady(std: Array, positions: Array, radius: float, most: float = SPREAD) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each atom, whether the members agree on it, bool [atom].

    Args:
        std: population standard deviation over members, [class, row, column]; classes count by the largest.
        positions: float [atom, 2], (row, column) px.
        radius: px, of an atom.
        most: spread up to which they agree.

    >>> steady(np.full((1, 9, 9), 0.3), np.array([[4.0, 4.0]]), 3.0).tolist()
    [False]
    """
    largest = np.asarray(std).max(axis=0)
    reach = max(1, int(np.ceil(_CORE * radius)))
    core = discs(np.array([[reach, reach]], float), (2 * reach + 1, 2 * reach + 1), max(1.0, _CORE * radius)) > 0
    framed = np.pad(largest.astype(np.float64), reach, constant_values=np.nan)
    corners = np.clip(np.rint(positions.reshape(-1, 2)).astype(int), 0, np.asarray(largest.shape) - 1)
    spreads = [np.nanmean(framed[row : row + 2 * reach + 1, column : column + 2 * reach + 1][core]) for row, column in corners]
    return np.asarray(spreads, float).reshape(-1) <= most
