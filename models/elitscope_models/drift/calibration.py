"""Is a sigma the true error, is a probability the true precision? Measured on frames with known atoms, and put right.

Members' spread about a place knows nothing of what moves all of them alike, noise above all. So the error along an axis is modelled as
√((factor · spread)² + floor²), by number of active members: first the most likely factor and floor, then both scaled so that 68.3 % of the
errors lie within one sigma. What share of atoms is right is read off support times probability, and made to rise with it (isotonic
regression).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from elitscope_models.calibrated import evidence
from elitscope_models.drift.selection import answer
from elitscope_models.manifest import AtomKind, Calibration, PrecisionCalibration, SigmaCalibration
from elitscope_models.score import matches
from elitscope_models.truth import KnownFrame

Array = np.ndarray[Any, np.dtype[Any]]

ONE_SIGMA = 0.6827
"""Share of normal errors within one standard deviation."""
BINS = np.linspace(0.0, 1.0, 41)
"""Of support times probability."""
_LEAST = 40
"""Atoms in a bin; smaller ones are joined with the next."""


@dataclass(frozen=True)
class Observed:
    """Atoms found with so many `members`, beside the truth.

    `spread`, `errors`: Å, float [k, 2], along (row, column), of atoms that are right and whose spread is known; `evidence`: float [n],
    support times probability of every atom that counts; `right`: bool [n].
    """

    members: int
    spread: Array
    errors: Array
    evidence: Array
    right: Array

    def merged(self, other: Observed) -> Observed:
        """Both together."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in ("spread", "errors", "evidence", "right")]
        return Observed(self.members, *(np.concatenate(pair) for pair in pairs))


def observe(frame: KnownFrame, maps: Array, draws: int, rng: np.random.Generator, kind: AtomKind = "weighted") -> dict[int, Observed]:
    """What selections of every size find in one frame.

    Args:
        frame: with its atoms.
        maps: [member, class, row, column], every member's, on the frame's grid.
        draws: selections of each size, drawn at random; all members count once.
        rng: draws them.
        kind: of atoms.
    """
    found: dict[int, Observed] = {}
    for size in range(1, len(maps) + 1):
        for _ in range(draws if size < len(maps) else 1):
            chosen = rng.choice(len(maps), size, replace=False).tolist()
            one = _observed(frame, maps, chosen, kind)
            found[size] = found[size].merged(one) if size in found else one
    return found


def merged(each: Iterable[dict[int, Observed]]) -> dict[int, Observed]:
    """Observations of several frames, by number of members."""
    total: dict[int, Observed] = {}
    for one in each:
        for size, observed in one.items():
            total[size] = total[size].merged(observed) if size in total else observed
    return total


def fit(observed: dict[int, Observed], data: str) -> Calibration:
    """The calibration that these observations speak for. `data`: what they were made on, in words."""
    sizes = sorted(observed)
    sigma = [fit_sigma(observed[size]) for size in sizes if size > 1 and len(observed[size].errors) >= _LEAST]
    precision = [fit_precision(_pooled(observed, size)) for size in sizes if len(observed[size].right) >= _LEAST]
    return Calibration(data=data, sigma=tuple(sigma), precision=tuple(precision))


def _pooled(observed: dict[int, Observed], size: int) -> Observed:
    """With those of other numbers of members: atoms that nobody is sure of are few. A single member has no support to speak of."""
    total = observed[size]
    for other, found in observed.items():
        if size > 1 and other not in (1, size):
            total = total.merged(found)
    return total


def fit_sigma(observed: Observed) -> SigmaCalibration:
    """Factor and floor for one number of members."""
    spread, errors = observed.spread.ravel(), observed.errors.ravel()

    def surprise(logs: Array) -> float:
        variance = np.exp(2.0 * logs[0]) * spread**2 + np.exp(2.0 * logs[1])
        return float((np.log(variance) + errors**2 / variance).mean())

    start = np.log([1.0, max(1e-4, float(np.median(np.abs(errors))))])
    factor, floor = np.exp(minimize(surprise, start, method="Nelder-Mead").x)
    scale = float(np.quantile(np.abs(errors) / np.hypot(factor * spread, floor), ONE_SIGMA))
    return SigmaCalibration(members=observed.members, factor=_rounded(factor * scale), floor=_rounded(floor * scale))


def fit_precision(observed: Observed) -> PrecisionCalibration:
    """Precision over evidence for one number of members; none for no evidence, so that what was never met is not taken for sure."""
    places, shares, counts = [0.0], [0.0], [1]
    for inside in _bins(observed.evidence):
        places.append(max(1e-3, float(observed.evidence[inside].mean())))
        shares.append(float(observed.right[inside].mean()))
        counts.append(int(inside.sum()))
    rising = isotonic_regression(shares, weights=counts).x.clip(0.0, 1.0)
    return PrecisionCalibration(
        members=observed.members,
        evidence=tuple(round(place, 4) for place in places),
        precision=tuple(_rounded(share) for share in rising),
    )


def within_one_sigma(observed: Observed, entry: SigmaCalibration | None) -> float:
    """Share of errors, of both axes, within one sigma: raw spread without an entry. NaN without atoms."""
    if not len(observed.errors):
        return float("nan")
    sigma = observed.spread if entry is None else np.hypot(entry.factor * observed.spread, entry.floor)
    return float((np.abs(observed.errors) <= sigma).mean())


@dataclass(frozen=True)
class Bin:
    """Atoms of about the same predicted precision: mean prediction, what was observed, and how many atoms."""

    predicted: float
    observed: float
    count: int


def reliability(predicted: Array, right: Array, edges: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.98, 1.0)) -> list[Bin]:
    """Predicted beside observed precision, bin by bin; bins without atoms are left out."""
    which = np.searchsorted(np.asarray(edges)[1:-1], predicted, side="right")
    bins = [which == index for index in range(len(edges) - 1)]
    return [Bin(float(predicted[one].mean()), float(right[one].mean()), int(one.sum())) for one in bins if one.any()]


def predicted_precision(observed: Observed, entry: PrecisionCalibration) -> Array:
    """What a calibrated bundle would say of these atoms."""
    return np.interp(observed.evidence, entry.evidence, entry.precision)


def _observed(frame: KnownFrame, maps: Array, chosen: Sequence[int], kind: AtomKind) -> Observed:
    atoms = answer(maps, chosen, (frame.sampling, frame.sampling), kind).atoms
    places = atoms.positions("px")
    matched = matches(places, frame.positions, frame.pixels.shape, frame.sampling, ignore=~frame.visible)
    spread = np.stack([atoms["sigma_row"], atoms["sigma_column"]], axis=1).view(np.ndarray)[matched.found] * frame.sampling
    errors = (places[matched.found] - frame.positions[matched.true]) * frame.sampling
    known = np.isfinite(spread).all(axis=1)
    counted = np.concatenate([matched.found, matched.false])
    right = np.arange(len(counted)) < len(matched.found)
    return Observed(len(chosen), spread[known].astype(float), errors[known], evidence(atoms)[counted], right)


def _bins(values: Array) -> list[Array]:
    """Masks of neighbouring bins with enough values each, ascending."""
    which = np.searchsorted(BINS[1:-1], values, side="right")
    bins: list[Array] = []
    pending = np.zeros(len(values), bool)
    for index in range(len(BINS) - 1):
        pending = pending | (which == index)
        if pending.sum() >= _LEAST:
            bins.append(pending)
            pending = np.zeros(len(values), bool)
    if pending.any():
        bins = [*bins[:-1], bins[-1] | pending] if bins else [pending]
    return bins


def _rounded(value: float) -> float:
    return float(f"{float(value):.5g}")
