"""Whether a sampling that can't be right is told from one that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.simulator import Conditions, expose, graphene, hexagonal, square
from elitscope_models.drift import SIGNAL
from elitscope_models.drift.spectrum import sampling_error, spectrum
from elitscope_models.sheets import Sheet
from elitscope_models.truth import read_truth

Array = np.ndarray[Any, np.dtype[Any]]

FACTORS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6)
"""Stated over true sampling."""
GRAPHENE, SQUARE, MOLYBDENUM_DISULFIDE = (2.13, 1.23), (2.75, 3.89, 1.94), (2.74, 1.58)
"""Å between lattice planes."""
_SEEDS = range(8)


def sampling_sheet(data: Path) -> Sheet:
    """Share of frames that are flagged, by how wrong the stated sampling is; the last column has the errors found at the true one."""
    limit = SIGNAL["sampling_error"].limit
    assert limit is not None
    rows = []
    for name, planes, frames in _sources(data):
        errors = np.array([[sampling_error(spectrum(image), factor * true, planes) for factor in FACTORS] for image, true in frames])
        flagged = (np.abs(np.nan_to_num(errors)) > limit).mean(axis=0)
        found = errors[:, FACTORS.index(1.0)]
        rows.append(
            (f"{name} ({len(errors)})", *(f"{share:.0%}" for share in flagged), f"{np.nanmin(found):+.2f} … {np.nanmax(found):+.2f}")
        )
    headers = ("frames flagged, stated / true", *(f"{factor:g}" for factor in FACTORS), "error found at 1")
    return Sheet("Wrong sampling", headers, tuple(rows))


def _sources(data: Path) -> Iterator[tuple[str, tuple[float, ...], list[tuple[Array, float]]]]:
    """What is shown, the spacings to expect, and images with their true sampling."""
    makers = (
        ("graphene", graphene, 0.1, GRAPHENE, 11.0),
        ("square", square, 0.16, SQUARE, 11.0),
        ("MoS2", hexagonal, 0.12, MOLYBDENUM_DISULFIDE, 1.0),
    )
    for name, make, sampling, planes, electrons in makers:
        frames = []
        for seed in _SEEDS:
            rng = np.random.default_rng((seed, 77))
            field = (256 * sampling, 256 * sampling)
            frames.append(
                (expose(make(field, rng), (256, 256), sampling, Conditions(electrons=electrons), rng).pixels.astype(np.float32), sampling)
            )
        yield f"simulated {name}", planes, frames
    for file, planes in (("graphene_drift", GRAPHENE), ("lsmo_nio", SQUARE)):
        known = read_truth(data / "multislice" / f"{file}.npz")
        yield f"multislice {file}", planes, [(frame.pixels.astype(np.float32), frame.sampling) for frame in known]
    folder = data / "experimental"
    yield "real MoS2_000-2, stated 0.176 Å/px", MOLYBDENUM_DISULFIDE, [(_real(folder / "MoS2_000-2.npy"), 0.176)]
    yield "real MoS2_002-5, stated 0.176 Å/px, wrong", MOLYBDENUM_DISULFIDE, [(_real(folder / "MoS2_002-5.npy"), 0.176)]


def _real(path: Path) -> Array:
    return np.asarray(np.load(path), np.float32)
