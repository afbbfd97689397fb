"""What calibration does to sigma and probability: fitted to some movies, judged on others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from benchmarks.drift_library import Library
from benchmarks.drift_movies import SAMPLING, ramp
from benchmarks.recorded import Recorded
from elitscope.simulator import movie
from elitscope_models.drift.calibration import Observed, fit, merged, observe, predicted_precision, reliability, within_one_sigma
from elitscope_models.manifest import Calibration
from elitscope_models.sheets import Sheet
from elitscope_models.truth import KnownFrame, from_simulated, read_truth

_FITTED, _JUDGED = (911, 912), (961, 962)
"""Seeds of simulated movies."""
_AREAS_FITTED, _AREAS_JUDGED = range(100, 112), range(200, 212)
"""Seeds of areas whose imaging gets worse until nothing is seen: there are the atoms that nobody is sure of."""
_STEPS = 8
"""Frames of each ramp."""
_DRAWS = 2
_EDGES = (0.0, 0.45, 0.9, 1.0)
"""Of bins of predicted precision: finer ones hold some ten atoms each."""


def calibration_sheets(library: Library) -> Iterator[Sheet]:
    """Of the ensemble that ships for graphene."""
    fitted, doubtful = observed(library, "graphene", _FITTED), poor(library, "graphene", _AREAS_FITTED)
    drift = library.movie("graphene_drift", "graphene", lambda: read_truth(library.data / "multislice" / "graphene_drift.npz"))
    usual = merged([fitted, _observed(drift[::2])])
    sigma, precision = fit(usual, "movies that stay in use"), fit(merged([usual, doubtful]), "those and areas until nothing is seen")
    calibration = precision.model_copy(update={"sigma": sigma.sigma})
    judged = {
        "simulated, other seeds": observed(library, "graphene", _JUDGED),
        "simulated until nothing is seen, other areas": poor(library, "graphene", _AREAS_JUDGED),
        "graphene_drift, the other frames": _observed(drift[1::2]),
    }
    for name, found in judged.items():
        yield sigma_sheet(name, found, calibration)
    yield precision_sheet("all together", merged(judged.values()), calibration)


def observed(library: Library, ensemble: str, seeds: Iterable[int]) -> dict[int, Observed]:
    """Selections of every size on simulated movies."""
    movies = (library.movie(f"simulated graphene {seed}", ensemble, partial(_simulated, seed)) for seed in seeds)
    return merged(_observed(frames) for frames in movies)


def poor(library: Library, ensemble: str, seeds: Iterable[int]) -> dict[int, Observed]:
    """The same on areas that are seen worse and worse."""
    movies = (library.movie(f"probe ramps {seed}", ensemble, partial(_worse, seed), SAMPLING) for seed in seeds)
    return merged(_observed(frames, 1) for frames in movies)


def _worse(seed: int) -> Iterator[KnownFrame]:
    for kind in ("dose", "defocus", "contamination", "scan"):
        yield from ramp(kind, seed, length=_STEPS)


def _simulated(seed: int) -> Iterator[KnownFrame]:
    return map(from_simulated, movie("graphene", (256, 256), 36, seed, "all"))


def _observed(frames: Iterable[Recorded], draws: int = _DRAWS) -> dict[int, Observed]:
    rng = np.random.default_rng(0)
    return merged(observe(one.frame, one.maps, draws, rng, one.manifest.atoms.kind) for one in frames)


def sigma_sheet(name: str, found: dict[int, Observed], calibration: Calibration) -> Sheet:
    """Share of errors within one sigma by number of members."""
    rows = []
    for entry in calibration.sigma:
        one = found[entry.members]
        raw, after = within_one_sigma(one, None), within_one_sigma(one, entry)
        rows.append(
            (str(entry.members), f"{2 * len(one.errors):,}", f"{raw:.3f}", f"{after:.3f}", "yes" if abs(after - 0.68) <= 0.07 else "**no**")
        )
    return Sheet(f"Errors within one sigma ({name})", ("members", "errors", "raw", "calibrated", "68 ± 7 %"), tuple(rows))


def precision_sheet(name: str, found: dict[int, Observed], calibration: Calibration) -> Sheet:
    """Predicted and observed precision by number of members; ± is one standard error of so many atoms."""
    rows = []
    for entry in calibration.precision:
        one = found[entry.members]
        for part in reliability(predicted_precision(one, entry), one.right, _EDGES):
            apart = abs(part.predicted - part.observed)
            error = math.sqrt(max(part.observed * (1.0 - part.observed), 0.25 / part.count) / part.count)
            reached = "yes" if apart <= 0.05 else "**no**"
            rows.append((f"{entry.members}", f"{part.predicted:.3f}", f"{part.observed:.3f} ± {error:.3f}", f"{part.count:,}", reached))
    return Sheet(f"Precision ({name})", ("members", "predicted", "observed", "atoms", "within 0.05"), tuple(rows))
