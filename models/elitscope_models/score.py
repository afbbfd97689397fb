"""How found atoms and predicted maps are scored against known ones: one rule everywhere.

All found and all true atoms are matched first, by optimal assignment within a tolerance; only then are left out what lies near the frame's
edge and true atoms that are not to be counted, together with found atoms that match them or lie on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Matches:
    """Which atoms of a frame count, and what became of them.

    `found`, `true`: int [k], matched atoms, one pair an entry, as indices of what was given; `errors`: float [k], their distances, Å;
    `false`: int, found atoms that are not there; `missed`: int, true atoms that were not found.
    """

    found: Array
    true: Array
    errors: Array
    false: Array
    missed: Array

    @property
    def counts(self) -> Score:
        """How many of each."""
        return Score(len(self.true), len(self.false), len(self.missed), self.errors)


@dataclass(frozen=True)
class Score:
    """Counts of one frame or several. `errors`: distances of the counted matches, Å."""

    true_positives: int
    false_positives: int
    false_negatives: int
    errors: Array

    @property
    def precision(self) -> float:
        """Share of found atoms that are there, 0 to 1."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of true atoms that were found, 0 to 1."""
        return self.true_positives / max(1, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        return 2 * self.true_positives / max(1, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def rmse(self) -> float:
        """Root mean square distance of matched atoms, Å; NaN without any."""
        return float(np.sqrt(np.mean(self.errors**2))) if len(self.errors) else float("nan")


def score(
    found: Array,
    true: Array,
    shape: tuple[int, ...],
    sampling: float,
    ignore: Array | None = None,
    tolerance: float = 0.5,
    border: float = 10,
) -> Score:
    """Score the atoms found in one frame; the arguments are those of `matches`.

    Example:
        >>> atoms = np.array([[20.0, 20.0], [30.0, 30.0]])
        >>> score(atoms[:1] + 1.0, atoms, (64, 64), sampling=0.1).recall
        0.5
    """
    return matches(found, true, shape, sampling, ignore, tolerance, border).counts


def matches(
    found: Array,
    true: Array,
    shape: tuple[int, ...],
    sampling: float,
    ignore: Array | None = None,
    tolerance: float = 0.5,
    border: float = 10,
) -> Matches:
    """Which found atom is which true one, among those that count.

    Args:
        found: float [n, 2], (row, column) in px.
        true: float [m, 2], (row, column) in px.
        shape: (rows, columns) of the frame.
        sampling: Å/px.
        ignore: bool [m], True for true atoms that do not count, under contamination say.
        tolerance: Å, farthest match.
        border: px from the frame's edge within which nothing counts.
    """
    found, true = np.asarray(found, float).reshape(-1, 2), np.asarray(true, float).reshape(-1, 2)
    ignored = np.zeros(len(true), bool) if ignore is None else np.asarray(ignore, bool)
    radius = tolerance / sampling
    pairs, distances = match(found, true, radius)
    counting = _inside(true, shape, border) & ~ignored
    matched_found, matched_true = np.zeros(len(found), bool), np.zeros(len(true), bool)
    matched_found[pairs[:, 0]], matched_true[pairs[:, 1]] = True, True
    kept = counting[pairs[:, 1]]
    wrong = ~matched_found & _inside(found, shape, border)
    if ignored.any() and wrong.any():  # one found on an atom that does not count is no mistake
        wrong[wrong] = cKDTree(true[ignored]).query(found[wrong])[0] > radius
    return Matches(
        found=pairs[kept, 0],
        true=pairs[kept, 1],
        errors=distances[kept] * sampling,
        false=np.flatnonzero(wrong),
        missed=np.flatnonzero(counting & ~matched_true),
    )


def total(scores: Iterable[Score]) -> Score:
    """Several frames as one: counts added up, errors pooled."""
    each = list(scores)
    return Score(
        sum(s.true_positives for s in each),
        sum(s.false_positives for s in each),
        sum(s.false_negatives for s in each),
        np.concatenate([s.errors for s in each]) if each else np.zeros(0),
    )


def match(found: Array, true: Array, radius: float) -> tuple[Array, Array]:
    """The assignment that matches most atoms within `radius` (px), at the least total distance.

    Returns:
        int [k, 2] pairs (index of found, index of true), and float [k] their distances in px.
    """
    found, true = np.asarray(found, float).reshape(-1, 2), np.asarray(true, float).reshape(-1, 2)
    if len(found) == 0 or len(true) == 0:
        return np.zeros((0, 2), int), np.zeros(0)
    unmatched = 1e3 * radius
    cost = np.full((len(found), len(true)), unmatched)
    for index, near in enumerate(cKDTree(true).query_ball_point(found, radius)):
        cost[index, near] = np.linalg.norm(true[near] - found[index], axis=1)
    rows, columns = linear_sum_assignment(cost)
    paired = cost[rows, columns] < unmatched
    return np.column_stack([rows, columns])[paired], cost[rows, columns][paired]


def mean_iou(probabilities: Array, masks: Array, counted: Array | None = None) -> float:
    """Intersection over union at threshold 0.5, averaged over the classes and background (ELIT paper, Table 1; AtomAI's figure).

    A class that is neither there nor found counts as 1. The arguments are those of `overlaps`.

    Example:
        >>> mean_iou(np.array([[0.9, 0.9, 0.1, 0.1]]), np.array([[True, False, False, False]]))  # 1/2, and 2/3 of the background
        0.5833333333333333
    """
    return mean_overlap(*overlaps(probabilities, masks, counted))


def mean_overlap(both: Array, either: Array) -> float:
    """Mean over classes and background of intersection over union, from the pixels of both, [class + 1] each.

    Frames are taken together by adding their pixels up first, as AtomAI does: a mean over frames would hang on those with hardly an atom.
    """
    return float(np.mean(np.where(either > 0, both / np.maximum(either, 1), 1.0)))


def overlaps(probabilities: Array, masks: Array, counted: Array | None = None) -> tuple[Array, Array]:
    """Pixels of intersection and of union, int [class + 1] each, background last.

    Args:
        probabilities: [class, ...] in [0, 1], background left out.
        masks: bool [class, ...], the truth.
        counted: bool [...], False where nothing is known.
    """
    found, known = np.asarray(probabilities) > 0.5, np.asarray(masks, bool)
    found, known = (np.concatenate([maps, ~maps.any(axis=0, keepdims=True)]) for maps in (found, known))
    keep = np.ones(found.shape[1:], bool) if counted is None else np.asarray(counted, bool)
    axes = tuple(range(1, found.ndim))
    return ((found & known) & keep).sum(axis=axes), ((found | known) & keep).sum(axis=axes)


def _inside(points: Array, shape: tuple[int, ...], border: float) -> Array:
    return np.asarray(((points >= border) & (points <= np.asarray(shape) - 1 - border)).all(axis=1))
