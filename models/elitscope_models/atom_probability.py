"""What one network makes of the places where the ensemble sees atoms."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope.types import AtomTable

Maps = np.ndarray[Any, np.dtype[np.float32]]


def probability_at_atoms(own: Maps, atoms: AtomTable) -> float:
    """Mean probability that a network gives the ensemble's atoms, at the pixel nearest to each: 0 to 1, NaN without atoms.

    Args:
        own: the network's maps, float32 [class, row, column], on the frame's grid.
        atoms: the ensemble's, in px of the frame.
    """
    values = probabilities_at(own, atoms)
    return float(values.mean()) if values.size else float("nan")


def probabilities_at(own: Maps, atoms: AtomTable) -> Maps:
    """A network's probability of each atom's class at the pixel nearest to it, float32 [atom].

    >>> from elitscope.types import ATOM_DTYPE
    >>> atoms = AtomTable.from_records(np.array([(1.2, 0.4, 0, 0.9, 1, 0, 0, 4)], ATOM_DTYPE))
    >>> probabilities_at(np.array([[[0.0, 0.0], [0.75, 0.0]]], np.float32), atoms).tolist()
    [0.75]
    """
    rows, columns = (_nearest(atoms[axis], side) for axis, side in zip(("row", "column"), own.shape[1:], strict=True))
    values: Maps = own[np.asarray(atoms["class_id"]), rows, columns]
    return values


def _nearest(places: np.ndarray[Any, Any], side: int) -> np.ndarray[Any, Any]:
    nearest: np.ndarray[Any, Any] = np.clip(np.rint(np.asarray(places)), 0, side - 1).astype(np.intp)
    return nearest
