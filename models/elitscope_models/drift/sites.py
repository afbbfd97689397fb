"""Every place in a frame that anyone takes for an atom, and how likely it is one.

Members that agree may all be wrong, so that votes are one witness among several: the image (is there a peak, as high as other atoms'?), the
surroundings (thick dirt?) and the neighbours (at distances that are usual here?) are the others. Nothing is assumed about how many atoms
there should be. With every member's probability at every place, what any subset of members would find can be told without their maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

from elitscope_models.drift.doubled import Doubled, doubled
from elitscope_models.drift.evidence import Evidence
from elitscope_models.drift.peaks import peaks

Array = np.ndarray[Any, np.dtype[Any]]

_BORDER = 1.5
"""Radii from the frame's edge within which places do not count: they are cut."""
_PEAK = 4.0
"""Standard deviations of noise from which the image has a peak of its own."""
_ENOUGH = 8
"""Places that are enough to say what is usual in a frame."""
_MANY = 4096
"""Places of one frame that are looked at, at most."""


@dataclass(frozen=True)
class Sites:
    """Places that a member, or the image, takes for atoms.

    `members`: ids, of those whose maps are known, active or not; `places`: int [site, 2], (row, column) px of the maps that they were found
    in; `probability`: float32 [site, member]; `likely`: float64 [site], how likely each is an atom, 0–1; `peak`: height over the
    surroundings in those of the frame's usual atoms (NaN without an image); `dirt`: brightness of the surroundings above the usual, same
    unit; `odd`: how far the distances of its two nearest neighbours are from the usual, as a share, 0–1; `spacing`: px, the usual distance
    of neighbours; `doubled`: places that a map may show twice.
    """

    members: tuple[int, ...]
    places: Array
    probability: Array
    likely: Array
    peak: Array
    dirt: Array
    odd: Array
    spacing: float
    threshold: float
    doubled: Doubled

    def found(self, chosen: Array) -> Array:
        """What subsets of members would find: bool [site, subset] for bool [member, subset]."""
        return np.asarray(self.probability @ _share(chosen) > self.threshold)

    def expected_f1(self, chosen: Array) -> Array:
        """F1 of subsets as expected from `likely`: float [subset] for bool [member, subset]; NaN where nothing is likely or found."""
        found = self.found(chosen)
        true, all_found, all_true = self.likely @ found, found.sum(axis=0) + self.doubled.surplus(_share(chosen)), self.likely.sum()
        return np.asarray(np.divide(2.0 * true, all_found + all_true, out=np.full(len(true), np.nan), where=all_found + all_true > 0.5))


def sites(maps: Array, members: tuple[int, ...], seen: Evidence | None, radius: float, threshold: float) -> Sites:
    """All places of a frame.

    Args:
        maps: float32 [member, row, column], probability of an atom of whatever class.
        members: their ids.
        seen: what the image says; None where it is unknown.
        radius: px, of an atom's disc.
        threshold: probability that a pixel of an atom exceeds.
    """
    places = _places(maps, seen, radius, threshold)
    probability = _around(maps, places)
    votes = (probability > threshold).mean(axis=1)
    core = _core(votes, seen, places)
    peak, dirt = _image(seen, places, core)
    odd, spacing = _neighbours(places, core)
    likely = likelihood(probability.mean(axis=1), peak, dirt, odd)
    return Sites(members, places, probability, likely, peak, dirt, odd, spacing, threshold, doubled(maps, places, radius, threshold))


def _share(chosen: Array) -> Array:
    """Weights of the members in subsets' means: float32 [member, subset]."""
    return np.asarray(chosen / np.maximum(chosen.sum(axis=0), 1), np.float32)


def likelihood(votes: Array, peak: Array, dirt: Array, odd: Array) -> Array:
    """How likely each place is an atom, float64 [site]; `votes` is the members' mean probability, the others are as `Sites` has them.

    A logistic regression, fitted to what four ensembles made of simulated movies of graphene, square and hexagonal lattices, each movie
    with the same weight; an unknown image counts as one of a usual atom. One term is no fit: where there is neither a peak nor dirt that
    could hide one, votes count little, since those ensembles hardly ever see atoms in vacuum, and others do.
    """
    known = np.isfinite(peak)
    height, soot = np.where(known, peak, 1.0), np.where(known, dirt, 0.0)
    terms = (3.9 * votes, 1.6 * height.clip(-1.0, 1.0), -4.3 * odd, -0.94 * soot.clip(0.0, 4.0), -1.9 * (height - 1.3).clip(0.0, 2.0))
    dark = -9.0 * (0.4 - height).clip(0.0, 0.5) * (soot < 0.5)
    return np.asarray(1.0 / (1.0 + np.exp(-2.0 - dark - sum(terms))))


def _places(maps: Array, seen: Evidence | None, radius: float, threshold: float) -> Array:
    """Peaks of the members' largest probability, then peaks of the image that are none of those; int [site, 2]."""
    edge = round(_BORDER * radius)
    highest = cv2.GaussianBlur(np.nan_to_num(maps.max(axis=0)), (0, 0), max(0.5, 0.3 * radius))
    places = peaks(highest, 0.9 * threshold, radius, edge)
    if seen is not None:
        extra = peaks(seen.peak, max(_PEAK * seen.noise, 1e-12), 1.2 * radius, edge)
        if len(places) and len(extra):
            extra = extra[cKDTree(places).query(extra)[0] > 1.2 * radius]
        places = np.concatenate([places, extra])
    return places[:_MANY]


def _around(maps: Array, places: Array) -> Array:
    """Largest of 3 × 3 pixels, float32 [site, member]: where members see an atom a pixel aside, their mean still does."""
    rows, columns = places[:, 0], places[:, 1]
    highest = np.zeros((len(maps), len(places)), np.float32)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            near = maps[:, (rows + down).clip(0, maps.shape[1] - 1), (columns + across).clip(0, maps.shape[2] - 1)]
            np.fmax(highest, near, out=highest)
    return np.ascontiguousarray(highest.T)


def _core(votes: Array, seen: Evidence | None, places: Array) -> Array:
    """Places from which is taken what is usual in the frame, bool [site].

    Peaks of the image that are at least half as high as their median, whatever the members say; without an image, where most members see
    an atom, or any.
    """
    choices = [votes > 0.5, votes > 0, np.ones(len(places), bool)]
    if seen is not None:
        height = seen.peak[places[:, 0], places[:, 1]]
        clear = height > _PEAK * seen.noise
        choices.insert(0, clear & (height > 0.5 * np.median(height[clear])) if clear.any() else clear)
    return next((one for one in choices if one.sum() >= _ENOUGH), choices[-1])


def _image(seen: Evidence | None, places: Array, core: Array) -> tuple[Array, Array]:
    """Heights and surroundings, in units of what is usual."""
    if seen is None:
        return np.full(len(places), np.nan), np.full(len(places), np.nan)
    peak = seen.peak[places[:, 0], places[:, 1]].astype(float)
    around = seen.surroundings[places[:, 0], places[:, 1]].astype(float)
    usual = max(float(np.median(peak[core])) if core.any() else 0.0, _PEAK * seen.noise, 1e-12)
    base = float(np.percentile(around[core], 25)) if core.any() else 0.0
    return peak / usual, (around - base) / usual


def _neighbours(places: Array, core: Array) -> tuple[Array, float]:
    """How unusual the distances of the two nearest trusted neighbours are, 0–1, and what is usual, px."""
    trusted = places[core]
    if len(trusted) < 4:
        return np.ones(len(places)), float("nan")
    distances = np.sort(cKDTree(trusted).query(places, k=3)[0], axis=1)
    own = distances[:, 0] < 0.5
    two = np.where(own[:, None], distances[:, 1:], distances[:, :2])
    usual = float(np.median(two[core, 0]))
    return np.abs(two / max(usual, 1e-6) - 1.0).clip(0.0, 1.0).mean(axis=1), usual
