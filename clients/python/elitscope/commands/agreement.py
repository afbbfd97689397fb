"""How well found atoms agree with known ones: what the simulated instrument shows beside its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from elitscope.types import Sampling

TOLERANCE = 0.5
"""Å within which a found atom is the known one."""
_ROUNDING = 1e-9
BORDER = 10.0
"""px from the edge within which nothing counts: networks see atoms there only in part."""


@dataclass(frozen=True)
class Agreement:
    """Counts of atoms found rightly (`hits`), wrongly (`false`) and not at all (`missed`)."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0–1; 1 where there was nothing to find and nothing was found."""
        return 2 * self.hits / (2 * self.hits + self.false + self.missed) if self.hits + self.false + self.missed else 1.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.hits + other.hits, self.false + other.false, self.missed + other.missed)


def agreement(
    found: np.ndarray, known: np.ndarray, shape: tuple[int, ...], sampling: Sampling, hidden: Optional[np.ndarray] = None
) -> Agreement:
    """Found and known positions ([n, 2], (row, column) in px) of a frame of `shape`, matched one to one: each the other's nearest,
    within `TOLERANCE`. Atoms within `BORDER` of the edge, and known ones that are `hidden` (bool [n]), help to match and don't count.

    >>> agreement(np.array([[50.0, 50.2]]), np.array([[50.0, 50.0], [50.0, 70.0]]), (100, 100), (0.1, 0.1))
    Agreement(hits=1, false=0, missed=1)
    """
    scale = np.asarray(sampling)
    to_known, to_found = _nearest(found * scale, known * scale), _nearest(known * scale, found * scale)
    matched_known, matched_found = _mutual(to_found, to_known), _mutual(to_known, to_found)
    visible = np.ones(len(known), bool) if hidden is None else ~hidden
    counts_known, counts_found = _inside(known, shape) & visible, _inside(found, shape)
    hits = int((matched_known & counts_known).sum())
    return Agreement(hits, int((~matched_found & counts_found).sum()), int((~matched_known & counts_known).sum()))


def _mutual(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Which points are the nearest of their own nearest."""
    mutual = np.zeros(len(there), bool)
    has_one = np.flatnonzero(there >= 0)
    mutual[has_one] = back[there[has_one]] == has_one
    return mutual


def _inside(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    far_side = np.asarray(shape[:2]) - 1 - BORDER
    inside: np.ndarray = np.all((points >= BORDER) & (points <= far_side), axis=1)
    return inside


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Index of the nearest of `others` within `TOLERANCE` for each point, -1 where there is none.

    Others are sorted into cells of that size, so that only nine cells a point are looked at.
    """
    best, distance = np.full(len(points), -1), np.full(len(points), TOLERANCE + _ROUNDING)
    if len(points) == 0 or len(others) == 0:
        return best
    cells = np.floor(others / TOLERANCE).astype(np.int64)
    own = np.floor(points / TOLERANCE).astype(np.int64)
    width = int(max(cells[:, 1].max(), own[:, 1].max()) - min(cells[:, 1].min(), own[:, 1].min())) + 3
    keys = cells[:, 0] * width + cells[:, 1]
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    for shift in (row * width + column for row in (-1, 0, 1) for column in (-1, 0, 1)):
        wanted = own[:, 0] * width + own[:, 1] + shift
        first, last = np.searchsorted(sorted_keys, wanted), np.searchsorted(sorted_keys, wanted, side="right")
        for step in range(int((last - first).max())):
            here = np.flatnonzero(first + step < last)
            candidates = order[first[here] + step]
            apart = np.linalg.norm(points[here] - others[candidates], axis=1)
            closer = apart <= distance[here]
            best[here[closer]], distance[here[closer]] = candidates[closer], apart[closer]
    return best
