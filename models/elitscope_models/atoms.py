"""From maps to atoms: where each is, how sure the ensemble is of it, and how many of its members see it.

Blobs come from the ensemble's mean map. Within them every member's own map is asked: does it pass the threshold, and where is its centre?
That is what `support` and the sigmas are made of (design, "Conventions"), for all members and blobs in a few calls.

There are two kinds of place. `weighted`: blobs that hold several atoms are divided, and probability weights the pixels. `atomai`: blobs as
they are, every pixel alike, and none near the border, which is what AtomAI's `Locator(threshold=0.5, dist_edge=5)` gives, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.types import ATOM_DTYPE, AtomTable, Sampling
from elitscope_models.blobs import Blobs, Map, connected_blobs
from elitscope_models.manifest import AtomKind
from elitscope_models.resample import Grid
from elitscope_models.split import split_touching
from elitscope_models.steps import Steps

THRESHOLD = 0.5
"""A pixel belongs to an atom where its probability is above this, as in the paper and AtomAI."""

ATOMAI_BORDER = 5
"""px, on the networks' grid: AtomAI reports no atom nearer to the frame's edge."""

_LARGE = 1 << 21
"""px: above it, the search stops between its parts, so that other streams need not wait for all of it."""

Floats = np.ndarray[Any, np.dtype[np.float64]]
Records = np.ndarray[Any, Any]


def atom_steps(
    mean: Map,
    member_maps: Map,
    grid: Grid,
    sampling: Sampling | None = None,
    threshold: float = THRESHOLD,
    kind: AtomKind = "weighted",
) -> Steps[AtomTable]:
    """The atoms of a frame, class by class, each class in reading order; stops now and then where the frame is large.

    Args:
        mean: float32 [class, row, column] on the networks' grid.
        member_maps: float32 [member, class, row, column] of every active member, on the same grid.
        grid: how that grid lies on the frame; positions, sigmas and areas are given in the frame's px.
        sampling: of the frame, Å/px (row, column); the table passes it on.
        threshold: probability that a pixel must exceed.
        kind: what an atom's place is, and which blobs are atoms; the other columns mean the same for both.

    Returns:
        `probability` is the mean map averaged over the blob; `support` the fraction of members whose peak inside the blob is above the
        threshold; the sigmas are the population standard deviation of their probability-weighted centres, NaN where fewer than two see it.
    """
    tables = []
    for index in range(len(mean)):
        own = yield from _atoms_of_class(index, mean[index], member_maps[:, index], grid, threshold, kind)
        tables.append(own)
    return AtomTable.from_records(np.concatenate(tables), sampling)


def _atoms_of_class(class_id: int, mean: Map, member_maps: Map, grid: Grid, threshold: float, kind: AtomKind) -> Steps[Records]:
    large = mean.size > _LARGE
    blobs = connected_blobs(mean > np.float32(threshold))
    if large:
        yield
    if not len(blobs):
        return np.zeros(0, ATOM_DTYPE)
    if kind == "weighted":
        blobs = split_touching(mean, blobs)
    if large:
        yield
    places = Places.of(blobs)
    mass, row, column = places.centres(np.take(mean.ravel(), blobs.pixels))
    if kind == "atomai":
        row, column = _middles(blobs)
    support, sigma_row, sigma_column = yield from _agreement(places, member_maps, threshold, large)
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
    return atoms if kind == "weighted" else atoms[_off_border(row, column, blobs.shape)]


def _middles(blobs: Blobs) -> tuple[Floats, Floats]:
    """Centre of every blob, all its pixels alike, (row, column), each [blob]."""
    return blobs.sums(blobs.rows.astype(np.float64)) / blobs.areas, blobs.sums(blobs.columns.astype(np.float64)) / blobs.areas


def _off_border(row: Floats, column: Floats, shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """As AtomAI has it: from 5 to side − 5, both included, so that one px more is kept at the bottom and on the right."""
    kept = [(place >= ATOMAI_BORDER) & (place <= side - ATOMAI_BORDER) for place, side in zip((row, column), shape, strict=True)]
    return np.asarray(kept[0] & kept[1])


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


def _agreement(places: Places, member_maps: Map, threshold: float, large: bool) -> Steps[tuple[Floats, Floats, Floats]]:
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
        if large:
            yield
    return sees.mean(axis=0), _spread(rows, sees), _spread(columns, sees)


def _spread(places: Floats, sees: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    """Population standard deviation over the members that see an atom, NaN for fewer than two; [member, blob] → [blob]."""
    count = sees.sum(axis=0)
    places = np.where(sees, places, 0.0)
    middle = places.sum(axis=0) / np.maximum(count, 1)
    squares = np.where(sees, (places - middle) ** 2, 0.0).sum(axis=0)
    return np.asarray(np.where(count >= 2, np.sqrt(squares / np.maximum(count, 1)), np.nan))
