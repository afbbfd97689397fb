"""How odd the surroundings of every atom are, in a lattice of any kind: usually an atom has as many neighbours as others, all around it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from elitscope_models.kernels.neighbours import around, in_cells
from elitscope_models.robust import median, median_and_sigma

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

_REACH = 1.3
"""Usual distances of nearest neighbours within which an atom is one: beyond it come the second nearest, from √2 of them."""
_FARTHEST = 1.1
"""Sides of the square that an atom has to itself: even in closest packing the nearest are not farther away."""
_SAMPLE = 256
"""Atoms that what is usual is taken from, about."""
_LOPSIDED, _OUT = 0.35, 5.0
"""Least length of the sum of the ways to the neighbours, in usual distances, and robust deviations, by which it is out of line."""
_ONE_MISSING = 0.45
"""Oddness of an atom that lacks one neighbour: a vacancy alone is no cause for doubt."""


def oddness(places: Floats, asked: Ints, shape: tuple[int, int]) -> Floats:
    """0 where the surroundings are usual, 1 and more where they are out of line; float64 [asked].

    Where an atom has as many neighbours as most, the ways to them add up to next to nothing, in a lattice. What they add up to, in usual
    distances, is compared with other atoms'. Atoms so near to the frame's edge that neighbours may lie beyond it count as usual.

    Args:
        places: float64 [atom, 2], (row, column), px, inside the frame.
        asked: int64, numbers of the atoms that are asked about.
        shape: of the frame, (rows, columns).
    """
    if len(places) < 2 or not len(asked):
        return np.zeros(len(asked))
    room = math.sqrt(shape[0] * shape[1] / len(places))
    farthest, cell = _FARTHEST * room, _REACH * _FARTHEST * room
    height, width = int(shape[0] / cell) + 1, int(shape[1] / cell) + 1
    order, starts = in_cells(places, cell, height, width)

    def neighbours(atoms: Ints, reach: float) -> Floats:
        found = np.empty((len(atoms), 4))
        around(places, order, starts, cell, width, reach, atoms, found)
        return found

    sample = np.arange(0, len(places), max(1, len(places) // _SAMPLE))
    usual = median(neighbours(sample, farthest)[:, 0])
    sample = sample[_inside(places[sample], shape, _REACH * usual)]
    if not 0.0 < usual < farthest or not len(sample):
        return np.zeros(len(asked))
    reach = _REACH * usual
    counts, lopsided = _counts_and_lengths(neighbours(sample, reach), usual)
    most = int(np.bincount(counts).argmax())
    middle, sigma = median_and_sigma(lopsided)
    counts, lopsided = _counts_and_lengths(neighbours(asked, reach), usual)
    excess = np.maximum(0.0, (lopsided - middle) / max(_OUT * sigma, _LOPSIDED))
    odd = np.where(counts == most, excess, np.where(counts == most - 1, _ONE_MISSING, 0.0))
    return np.where(_inside(places[asked], shape, reach), odd, 0.0)


def _counts_and_lengths(found: Floats, usual: float) -> tuple[Ints, Floats]:
    """Of what `around` found: number of neighbours, and length of the sum of the ways to them in usual distances."""
    return found[:, 1].astype(np.int64), np.hypot(found[:, 2], found[:, 3]) / usual


def _inside(places: Floats, shape: tuple[int, int], edge: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    rows, columns = places[:, 0], places[:, 1]
    return np.asarray((rows > edge) & (rows < shape[0] - 1 - edge) & (columns > edge) & (columns < shape[1] - 1 - edge))
