"""What a selection of members is worth: every subset judged by the truth, beside the one that is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.recorded import Recorded
from elitscope_models.drift import Look, Recommendation, look, recommend
from elitscope_models.drift.selection import answer

Array = np.ndarray[Any, np.dtype[Any]]
Subset = tuple[int, ...]

WINDOW = 8
"""Looks that a recommendation is made from, at most: those at the frames before."""


@dataclass(frozen=True)
class Segment:
    """F1 of a part of a movie with all members, with those recommended as it went on, and with the best subset by the truth; `advised`: on
    how many of its frames fewer than all were active; `example`: the reasons of the last recommendation."""

    name: str
    frames: int
    everyone: float
    recommended: float
    oracle: float
    best: Subset
    advised: int
    example: tuple[str, ...]

    @property
    def gap(self) -> float:
        """What there is to be gained."""
        return self.oracle - self.everyone

    @property
    def recovered(self) -> float:
        """Share of it that the recommendation brings."""
        return (self.recommended - self.everyone) / self.gap if self.gap > 0 else float("nan")

    @property
    def reached(self) -> bool:
        """Half of the gap where it is more than 0.02, and never a loss of more than 0.01."""
        if self.recommended < self.everyone - 0.01:
            return False
        return self.gap <= 0.02 or self.recovered >= 0.5


def all_subsets(members: Sequence[int]) -> list[Subset]:
    """Every selection, the smallest first; the last is all members."""
    return [subset for size in range(1, len(members) + 1) for subset in combinations(members, size)]


def subset_counts(folder: Path, movie: Sequence[Recorded]) -> Array:
    """Found, false and missed atoms, int [frame, subset, 3]; kept in `folder`."""
    file = folder / "subsets.npy"
    if file.exists():
        return np.asarray(np.load(file))
    subsets = all_subsets(movie[0].members)
    counts = np.array([_counts(one, subsets) for one in movie])
    np.save(file, counts)
    return counts


def _counts(one: Recorded, subsets: Sequence[Subset]) -> Array:
    """Of one frame: int [subset, 3]."""
    maps, sampling = one.maps.astype(np.float32), (one.stated, one.stated)
    counts = np.zeros((len(subsets), 3), int)
    for row, subset in enumerate(subsets):
        mean = maps[[one.members.index(member) for member in subset]].mean(axis=0, keepdims=True)
        atoms = answer(mean, [0], sampling, one.manifest.atoms.kind).atoms
        counts[row] = _matched(atoms.positions("px"), one)
    return counts


def _matched(found: Array, one: Recorded, tolerance: float = 0.5, border: float = 10.0) -> tuple[int, int, int]:
    """As `elitscope_models.score` counts, but nearest first instead of by optimal assignment: a hundred times as fast, and the same where
    atoms are farther apart than twice the tolerance."""
    known, radius = one.frame, tolerance / one.frame.sampling
    last = np.asarray(known.pixels.shape) - 1 - border

    def inside(points: Array) -> Array:
        return np.asarray(((points >= border) & (points <= last)).all(axis=1))

    taken, used = np.zeros(len(known.positions), bool), np.zeros(len(found), bool)
    if len(found) and len(known.positions):
        distance, nearest = cKDTree(known.positions).query(found)
        order = np.argsort(distance)
        order = order[distance[order] <= radius]
        _, first = np.unique(nearest[order], return_index=True)
        used[order[first]], taken[nearest[order[first]]] = True, True
    wrong = found[~used & inside(found)]
    hidden = known.positions[~known.visible]
    if len(hidden) and len(wrong):
        wrong = wrong[cKDTree(hidden).query(wrong)[0] > radius]
    counting = inside(known.positions) & known.visible
    return int((counting & taken).sum()), len(wrong), int((counting & ~taken).sum())


def f1(counts: Array) -> Array:
    """Of summed counts [..., 3]."""
    true, false, missed = np.moveaxis(np.asarray(counts, float), -1, 0)
    return np.asarray(2 * true / np.maximum(1, 2 * true + false + missed))


def looks_at(movie: Sequence[Recorded]) -> list[Look]:
    """With all members active."""
    return [look(one.frame.pixels, one.result(), one.manifest) for one in movie]


def follow(movie: Sequence[Recorded], looks: Sequence[Look], min_members: int = 1) -> list[tuple[Subset, Recommendation | None]]:
    """The members in force at every frame, where recommendations are followed: each is made from the looks at the frames before and at
    this one, which the monitor sees whole."""
    members = movie[0].members
    active, course = members, list[tuple[Subset, Recommendation | None]]()
    for index in range(len(movie)):
        recent = [
            one for one in looks[max(0, index - WINDOW + 1) : index + 1] if movie[one.frame_id].frame.segment == movie[index].frame.segment
        ]
        found = recommend(recent, active, members, min_members)
        if found.kind == "members" and found.members is not None:
            active = found.members
        course.append((active, found))
        if index + 1 < len(movie) and movie[index + 1].frame.segment != movie[index].frame.segment:
            active = members  # segments are judged each by itself
    return course


def segments(movie: Sequence[Recorded], counts: Array, course: Sequence[tuple[Subset, Recommendation | None]]) -> list[Segment]:
    """Figures of every part of a movie."""
    subsets = all_subsets(movie[0].members)
    names = list(dict.fromkeys(one.frame.segment for one in movie))
    result = []
    for name in names:
        here = [index for index, one in enumerate(movie) if one.frame.segment == name]
        by_subset = f1(counts[here].sum(axis=0))
        best = int(by_subset.argmax())
        chosen = sum(counts[index, subsets.index(course[index][0])] for index in here)
        reasons = [found.reasons for index in here if (found := course[index][1]) is not None and found.kind == "members"]
        result.append(
            Segment(
                name=name,
                frames=len(here),
                everyone=float(by_subset[-1]),
                recommended=float(f1(np.asarray(chosen))),
                oracle=float(by_subset[best]),
                best=subsets[best],
                advised=sum(course[index][0] != movie[0].members for index in here),
                example=reasons[-1] if reasons else (),
            )
        )
    return result
