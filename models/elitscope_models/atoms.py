"""From maps to atoms: where each is, how sure the ensemble is of it, and how many of its members see it.

Blobs come from the ensemble's mean map. Within them every member's own map is asked: does it pass the threshold, and where is its centre?
That is what `support` and the sigmas are made of, for all members and blobs in one pass over the maps.

There are two kinds of place. `weighted`: blobs that hold several atoms are divided, and probability weights the pixels. `atomai`: blobs as
they are, every pixel alike, and none near the border, which is what AtomAI's `Locator(threshold=0.5, dist_edge=5)` gives, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from elitscope.types import ATOM_DTYPE, AtomTable, Sampling
from elitscope_models.blobs import Blobs, Map, connected_blobs
from elitscope_models.helper import Helper
from elitscope_models.kernels.agreement import agreement
from elitscope_models.kernels.moments import add_moments
from elitscope_models.manifest import AtomKind
from elitscope_models.resample import Grid
from elitscope_models.split import split_touching
from elitscope_models.steps import Steps

THRESHOLD = 0.5
"""A pixel belongs to an atom where its probability is above this, as in the paper and AtomAI."""

ATOMAI_BORDER = 5
"""px, on the networks' grid: AtomAI reports no atom nearer to the frame's edge."""

_LARGE = 1 << 21
"""px, of all maps that are read in one go: above it, the search stops between its parts, so that other streams need not wait for it all."""

Floats = np.ndarray[Any, np.dtype[np.float64]]
Records = np.ndarray[Any, Any]


def atom_steps(
    mean: Map,
    member_maps: Map,
    grid: Grid,
    sampling: Sampling | None = None,
    threshold: float = THRESHOLD,
    kind: AtomKind = "weighted",
    helper: Helper | None = None,
) -> Steps[AtomTable]:
    """The atoms of a frame, class by class, each class in reading order; stops now and then where the frame is large.

    Args:
        mean: float32 [class, row, column] on the networks' grid.
        member_maps: float32 [member, class, row, column] of every active member, on the same grid.
        grid: how that grid lies on the frame; positions, sigmas and areas are given in the frame's px.
        sampling: of the frame, Å/px (row, column); the table passes it on.
        threshold: probability that a pixel must exceed.
        kind: what an atom's place is, and which blobs are atoms; the other columns mean the same for both.
        helper: takes part; None: a new one.

    Returns:
        `probability` is the mean map averaged over the blob; `support` the fraction of members whose peak inside the blob is above the
        threshold; the sigmas are the population standard deviation of their probability-weighted centres, NaN where fewer than two see it.
    """
    tables, helper = [], helper or Helper()
    for index in range(len(mean)):
        own = yield from _atoms_of_class(index, mean[index], member_maps[:, index], grid, threshold, kind, helper)
        tables.append(own)
    return AtomTable.from_records(np.concatenate(tables), sampling)


def _atoms_of_class(
    class_id: int, mean: Map, member_maps: Map, grid: Grid, threshold: float, kind: AtomKind, helper: Helper
) -> Steps[Records]:
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
    (total,), sums = yield from _sums(blobs, (mean[None], member_maps), threshold, helper)
    places = _middles(blobs) if kind == "atomai" else _centres(blobs, total)
    agreed = agreement(sums)
    row_scale, column_scale = grid.scale
    atoms = np.zeros(len(blobs), ATOM_DTYPE)
    atoms["row"] = (places[:, 0] + 0.5) * row_scale - 0.5
    atoms["column"] = (places[:, 1] + 0.5) * column_scale - 0.5
    atoms["class_id"] = class_id
    atoms["probability"] = total[:, 0] / blobs.areas
    atoms["support"] = agreed[:, 0]
    atoms["sigma_row"] = agreed[:, 1] * row_scale
    atoms["sigma_column"] = agreed[:, 2] * column_scale
    atoms["area"] = blobs.areas * (row_scale * column_scale)
    return atoms if kind == "weighted" else atoms[_off_border(places, blobs.shape)]


def _middles(blobs: Blobs) -> Floats:
    """Centre of every blob, all its pixels alike, [blob, 2]."""
    return np.stack([blobs.sums(axis.astype(np.float64)) / blobs.areas for axis in (blobs.rows, blobs.columns)], axis=1)


def _off_border(places: Floats, shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """As AtomAI has it: from 5 to side − 5, both included, so that one px more is kept at the bottom and on the right."""
    return np.asarray(((places >= ATOMAI_BORDER) & (places <= np.array(shape) - ATOMAI_BORDER)).all(axis=1))


def _centres(blobs: Blobs, sums: Floats) -> Floats:
    """Centre of every blob, weighted by the one map that `sums` [blob, 4] are of, (row, column), [blob, 2]."""
    return np.asarray(sums[:, 1:3] / sums[:, :1] + blobs.corners)


def _sums(blobs: Blobs, stacks: Sequence[Map], threshold: float, helper: Helper) -> Steps[list[Floats]]:
    """What `add_moments` gives for each stack of maps [map, row, column], [map, blob, 4]; stops after every `_LARGE` of their pixels."""
    found, corners, least = blobs.runs, blobs.corners, np.float32(threshold)
    sums = [np.zeros((len(maps), len(blobs), 4)) for maps in stacks]
    pairs = [(maps[i : i + 2], own[i : i + 2]) for maps, own in zip(stacks, sums, strict=True) for i in range(0, len(maps), 2)]
    pixels = max(maps.size for maps in stacks)
    bands = [0, len(found)]
    if pixels > _LARGE:
        rows = max(1, _LARGE * blobs.shape[0] // pixels)
        bands = np.searchsorted(found[:, 0], np.arange(0, blobs.shape[0] + rows, rows)).tolist()
    for start, stop in pairwise(bands):
        part = found[start:stop]
        helper.share(partial(add_moments, maps, part, corners, least, own) for maps, own in pairs)
        if pixels > _LARGE:
            yield
    return sums
