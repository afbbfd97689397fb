"""From maps to atoms: where each is, how sure the ensemble is of it, and how many of its members see it.

Blobs come from the ensemble's mean map. Within them every member's own map is asked: does it pass the threshold, and where is its centre?
That is what `support` and the sigmas are made of (design, "Conventions"), for all members and blobs in a few calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.types import ATOM_DTYPE, AtomTable, Sampling
from elitscope_models.blobs import Blobs, Map, connected_blobs
from elitscope_models.resample import Grid
from elitscope_models.split import split_touching

THRESHOLD = 0.5
"""A pixel belongs to an atom where its probability is above this, as in the paper and AtomAI."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


def find_atoms(mean: Map, member_maps: Map, grid: Grid, sampling: Sampling | None = None, threshold: float = THRESHOLD) -> AtomTable:
    """The atoms of a frame, class by class, each class in reading order.

    Args:
        mean: float32 [class, row, column] on the networks' grid.
        member_maps: float32 [member, class, row, column] of every active member, on the same grid.
        grid: how that grid lies on the frame; positions, sigmas and areas are given in the frame's px.
        sampling: of the frame, Å/px (row, column); the table passes it on.
        threshold: probability that a pixel must exceed.

    Returns:
        `probability` is the mean map averaged over the blob; `support` the fraction of members whose peak inside the blob is above the
        threshold; the sigmas are the population standard deviation of their probability-weighted centres, NaN where fewer than two see it.
    """
    tables = [_atoms_of_class(index, mean[index], member_maps[:, index], grid, threshold) for index in range(len(mean))]
    return AtomTable.from_records(np.concatenate(tables), sampling)


def _atoms_of_class(class_id: int, mean: Map, member_maps: Map, grid: Grid, threshold: float) -> np.ndarray[Any, Any]:
    blobs = connected_blobs(mean > np.float32(threshold))
    if not len(blobs):
        return np.zeros(0, ATOM_DTYPE)
    blobs = split_touching(mean, blobs)
    places = Places.of(blobs)
    weights = np.take(mean.ravel(), blobs.pixels)
    mass, row, column = places.centres(weights)
    support, sigma_row, sigma_column = _agreement(places, member_maps, threshold)
    row_scale, column_scale = grid.scale
    atoms = np.zeros(len(blobs), ATOM_DTYPE)
    atoms["row"] = (row + 0.5) * row_scale - 0.5
    atoms["column"] = (column + 0.5) * column_scale - 0.5
    atoms["class_id"] = class_id
    atoms["probability"] = mass / blobs.areas
    atoms["support"] = support
    atoms["sigma_row"] = sigma_row * row_scale
    atoms["sigma_column"] = sigma_column * column_scale
    atoms["area"] = blobs.areas * (row_scale * column_scale)
    return atoms


@dataclass(frozen=True)
class Places:
    """Where each pixel of the blobs lies, relative to its blob's first one: small numbers, whose sums float32 holds well."""

    blobs: Blobs
    top: Floats
    left: Floats
    down: Map
    right: Map

    @classmethod
    def of(cls, blobs: Blobs) -> Places:
        top, left = blobs.rows[blobs.starts], blobs.columns[blobs.starts]
        down, right = blobs.rows - np.repeat(top, blobs.areas), blobs.columns - np.repeat(left, blobs.areas)
        return cls(blobs, top.astype(np.float64), left.astype(np.float64), down.astype(np.float32), right.astype(np.float32))

    def centres(self, weights: Map) -> tuple[Floats, Floats, Floats]:
        """Sum of weights and centre of weight, (sum, row, column), each [blob]; `weights` is [pixel]. NaN where all weights are zero."""
        mass = self.blobs.sums(weights).astype(np.float64)
        moment = weights * self.down
        rows = self.blobs.sums(moment)
        np.multiply(weights, self.right, out=moment)
        with np.errstate(invalid="ignore", divide="ignore"):
            return mass, rows / mass + self.top, self.blobs.sums(moment) / mass + self.left


def _agreement(places: Places, member_maps: Map, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Support and the spread of members' centres, (support, row, column), each [blob].

    Member by member: what one of them needs stays in the processor's cache.
    """
    blobs, values = places.blobs, np.empty(len(places.blobs.pixels), np.float32)
    sees = np.empty((len(member_maps), len(blobs)), np.bool_)
    rows, columns = np.empty(sees.shape), np.empty(sees.shape)
    for index, own in enumerate(member_maps):
        np.take(own.ravel(), blobs.pixels, out=values, mode="clip")
        sees[index] = blobs.largest(values) > np.float32(threshold)
        _, rows[index], columns[index] = places.centres(values)
    return sees.mean(axis=0), _spread(rows, sees), _spread(columns, sees)


def _spread(places: Floats, sees: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    """Population standard deviation over the members that see an atom, NaN for fewer than two; [member, blob] → [blob]."""
    count = sees.sum(axis=0)
    places = np.where(sees, places, 0.0)
    middle = places.sum(axis=0) / np.maximum(count, 1)
    squares = np.where(sees, (places - middle) ** 2, 0.0).sum(axis=0)
    return np.asarray(np.where(count >= 2, np.sqrt(squares / np.maximum(count, 1)), np.nan))
