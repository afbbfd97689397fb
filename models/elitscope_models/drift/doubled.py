"""Summits beside an atom that a subset of members would take for further atoms.

A network that is unsure where an atom is draws it twice, or as a stretched blob with two ends, and both are reported. All members may agree
that there is something, so that no vote tells; what tells is the shape of a map, and the mean of several maps has a shape of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

from elitscope_models.drift.peaks import peaks

Array = np.ndarray[Any, np.dtype[Any]]

_SMOOTHING, _NEAREST, _STEP, _ONE, _REACH = 0.3, 0.4, 0.6, 0.7, 2.5
"""In radii of an atom's disc: a map is smoothed by the first; summits of several maps nearer than the second are the same; a summit is
higher than all around it at the third; of two nearer than the fourth a map has one; farther from a place than the last there is no summit
of it."""
_WAYS = np.array([(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)])


@dataclass(frozen=True)
class Doubled:
    """Summits of members' maps, and which of them share a place with others.

    `own`: of each member all summits, int [summit, 2], (row, column) px. Of those that share a place: `place`, int [summit], which; `at`:
    float32 [summit, member], the members' smoothed maps; `around`: float32 [summit, way, member], the same a step aside in every direction;
    `pairs`: int [pair, 2], summits too near to be two; `threshold`: that a summit exceeds.
    """

    own: tuple[Array, ...]
    place: Array
    at: Array
    around: Array
    pairs: Array
    threshold: float

    def surplus(self, share: Array) -> Array:
        """How many atoms more than places the members' mean has: float64 [subset]; `share`: float32 [member, subset], weights."""
        if not len(self.place):
            return np.zeros(share.shape[1])
        height = self.at @ share
        summit = (height > self.threshold) & (height >= (self.around @ share).max(axis=1))
        first, second = self.pairs.T
        both, lower = summit[first] & summit[second], height[first] < height[second]
        for which, lost in ((first, both & lower), (second, both & ~lower)):
            np.logical_and.at(summit, which, ~lost)
        starts = np.flatnonzero(np.diff(self.place, prepend=-1))
        return np.asarray((np.add.reduceat(summit.astype(int), starts) - 1).clip(0).sum(axis=0), float)


def doubled(maps: Array, places: Array, radius: float, threshold: float) -> Doubled:
    """Summits of the members' maps and of their mean at places that have several.

    Args:
        maps: float32 [member, row, column], probability of an atom.
        places: int [place, 2], (row, column) px.
        radius: px, of an atom's disc.
        threshold: probability that a pixel of an atom exceeds.
    """
    smooth = np.stack([cv2.GaussianBlur(np.nan_to_num(own), (0, 0), max(0.5, _SMOOTHING * radius)) for own in maps])
    whole = smooth.mean(axis=0)
    own = tuple(peaks(each, threshold, _STEP * radius) for each in smooth)
    summits = np.concatenate([peaks(whole, threshold, _STEP * radius), *own])
    if not len(places) or not len(summits):
        return _doubled(own, smooth, summits[:0], np.zeros(0, int), radius, threshold)
    summits = summits[_apart(summits, whole[summits[:, 0], summits[:, 1]], _NEAREST * radius)]
    distance, place = cKDTree(places).query(summits)
    summits, place = summits[distance < _REACH * radius], place[distance < _REACH * radius]
    several = np.bincount(place, minlength=len(places))[place] > 1
    summits, place = summits[several], place[several]
    order = np.argsort(place, kind="stable")
    return _doubled(own, smooth, summits[order], place[order], radius, threshold)


def _apart(summits: Array, height: Array, radius: float) -> Array:
    """Indices of summits no two of which are nearer than `radius`, the highest first."""
    order = np.argsort(-height, kind="stable")
    pairs = np.sort(cKDTree(summits[order]).query_pairs(radius, output_type="ndarray"), axis=1)
    keep = np.ones(len(order), bool)
    first, second = pairs[np.argsort(pairs[:, 0], kind="stable")].T
    starts = np.searchsorted(first, np.arange(len(order) + 1))
    for summit in range(len(order)):
        if keep[summit]:
            keep[second[starts[summit] : starts[summit + 1]]] = False
    return np.asarray(order[keep])


def _doubled(own: tuple[Array, ...], smooth: Array, summits: Array, place: Array, radius: float, threshold: float) -> Doubled:
    steps = np.rint(_WAYS * (_STEP * radius / np.linalg.norm(_WAYS, axis=1)[:, None])).astype(int)
    beside = summits[:, None] + steps
    down, across = (beside[..., axis].clip(0, smooth.shape[1 + axis] - 1) for axis in (0, 1))
    pairs = cKDTree(summits).query_pairs(_ONE * radius, output_type="ndarray") if len(summits) > 1 else np.zeros((0, 2), int)
    return Doubled(
        own,
        place,
        np.ascontiguousarray(smooth[:, summits[:, 0], summits[:, 1]].T),
        np.ascontiguousarray(smooth[:, down, across].transpose(1, 2, 0)),
        pairs,
        threshold,
    )
