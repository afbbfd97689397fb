"""Movies to measure drift with: some hundred steady frames, then something changes; or only the place does.

They are made with multislice simulation where its figures count (`elitscope_models.training.multislice`; the shipped ensembles were trained
on Gaussians and convolutions), with a few snapshots of the lattice for many exposures of it, and with the quick renderer elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.drift_carbon import expose_under_carbon
from elitscope.simulator import Conditions, Imager, Probe, Specimen, expose, graphene, hexagonal, square
from elitscope_models.truth import KnownFrame, from_simulated

Array = np.ndarray[Any, np.dtype[Any]]

SIDE, SAMPLING = 256, 0.08
STEADY, RAMP = 200, 60
"""Frames before a ramp, and of one."""
_SNAPSHOTS = 16
"""Thermal snapshots of one area."""

PROBE = Probe(spherical=1e4, astigmatism=(8.0, 0.3), coma=(150.0, 1.0), threefold=(120.0, 2.0), defocus=4.0)
NOMINAL = Conditions(probe=PROBE, width=0.7)
"""A good 100 kV probe in focus, eleven electrons per pixel on a carbon atom."""


@dataclass
class Kept:
    """An imager whose images are kept: many exposures of one lattice."""

    imager: Imager
    images: dict[bytes, Array] = field(default_factory=dict)

    def __call__(self, specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions) -> Array:
        key = b"".join((specimen.positions.tobytes(), repr((shape, sampling, conditions.probe, conditions.width)).encode()))
        if key not in self.images:
            self.images[key] = self.imager(specimen, shape, sampling, conditions)
        return self.images[key]


@dataclass(frozen=True)
class Step:
    """One frame of a ramp: its conditions, and how large its pixels are beside what is stated."""

    conditions: Conditions
    zoom: float = 1.0


Ramp = Callable[[Conditions, float], Step]


def _probe(conditions: Conditions) -> Probe:
    assert conditions.probe is not None
    return conditions.probe


RAMPS: Mapping[str, Ramp] = {
    "dose": lambda base, part: Step(replace(base, electrons=base.electrons * 0.004**part)),
    "defocus": lambda base, part: Step(replace(base, probe=replace(_probe(base), defocus=4.0 + 106.0 * part))),
    "contamination": lambda base, part: Step(replace(base, contamination=part, thickness=40.0)),
    "scan": lambda base, part: Step(replace(base, row_jitter=base.row_jitter + 9.0 * part, line_noise=0.25 * part)),
    "magnification": lambda base, part: Step(base, zoom=1.0 / (1.0 + 1.3 * part)),
}
"""What gets worse, from its share of the ramp: beyond what the ensembles were trained on, so that they fail. Of `magnification` the
metadata know nothing."""


def ramp(kind: str, seed: int, imager: Imager | None = None, length: int = RAMP) -> Iterator[KnownFrame]:
    """A ramp of `kind` over the area that `steady` shows with this seed, as if it came after its `STEADY` frames."""
    snapshots = _snapshots(_area("graphene", seed), seed)
    base, rng = replace(NOMINAL, pattern=seed), np.random.default_rng((seed, 5))
    for _ in range(STEADY):
        rng.integers(_SNAPSHOTS)
    for index in range(length):
        step = RAMPS[kind](base, (index + 1) / length)
        frame = _exposed(snapshots[rng.integers(_SNAPSHOTS)], step, (seed, 6, STEADY + index), imager)
        yield replace(from_simulated(frame), segment=kind)


def steady(seed: int, frames: int, conditions: Conditions = NOMINAL, lattice: str = "graphene", imager: Imager | None = None,
           sampling: float = SAMPLING) -> Iterator[KnownFrame]:  # fmt: skip
    """Frames of one area under the same conditions."""
    area = _area(lattice, seed, sampling)
    snapshots = _snapshots(area, seed)
    rng = np.random.default_rng((seed, 5))
    for index in range(frames):
        shaken = snapshots[rng.integers(_SNAPSHOTS)] if imager else _shaken(area, np.random.default_rng((seed, 7, index)))
        frame = _exposed(shaken, Step(replace(conditions, pattern=seed)), (seed, 6, index), imager, sampling)
        yield replace(from_simulated(frame), segment="steady")


def moves(seed: int, frames: int, areas: int = 4, imager: Imager | None = None, conditions: Conditions = NOMINAL) -> Iterator[KnownFrame]:
    """Steady frames of one area of graphene, then as many of each of some others: of the same kind, turned otherwise."""
    for area in range(areas):
        for frame in steady(seed + 1000 * area, frames if area == 0 else frames // 4, conditions, imager=imager):
            yield replace(frame, segment=f"area {area}")


def pan(seed: int, frames: int, step: float = 0.3, conditions: Conditions = NOMINAL) -> Iterator[KnownFrame]:
    """Frames of a stage that wanders over a large sheet by `step` Å a frame."""
    field_of_view = SIDE * SAMPLING
    sheet = graphene((field_of_view + step * frames, field_of_view), np.random.default_rng((seed, 0)), displacement=0.03)
    for index in range(frames):
        moved = sheet.positions - np.array([step * index, 0.0])
        near = ((moved > -4.0) & (moved < field_of_view + 4.0)).all(axis=1)
        here = Specimen(moved[near], sheet.class_ids[near], sheet.weights[near], sheet.classes)
        frame = _exposed(_shaken(here, np.random.default_rng((seed, 7, index))), Step(conditions), (seed, 6, index), None)
        yield replace(from_simulated(frame), segment="pan")


def _area(lattice: str, seed: int, sampling: float = SAMPLING) -> Specimen:
    """One area, with enough of it around that a frame can be made larger."""
    rng, side = np.random.default_rng((seed, 0)), SIDE * sampling
    if lattice == "square":
        return square((side, side), rng, displacement=0.03)
    if lattice == "hexagonal":
        return hexagonal((side, side), rng, displacement=0.03)
    wide = graphene((2.4 * side, 2.4 * side), rng, displacement=0.03)
    return replace(wide, positions=wide.positions - 0.7 * side)


def _snapshots(area: Specimen, seed: int) -> list[Specimen]:
    return [_shaken(area, np.random.default_rng((seed, 4, index))) for index in range(_SNAPSHOTS)]


def _shaken(area: Specimen, rng: np.random.Generator) -> Specimen:
    """Thermal displacements, and a stage that is never quite still."""
    return replace(area, positions=area.positions + rng.normal(0.0, 0.04, area.positions.shape) + rng.normal(0.0, 0.1, 2))


def _exposed(specimen: Specimen, step: Step, seed: tuple[int, ...], imager: Imager | None, sampling: float = SAMPLING) -> Any:
    """One exposure, by what lies in the frame and near it."""
    here = sampling * step.zoom
    near = ((specimen.positions > -4.0) & (specimen.positions < SIDE * here + 4.0)).all(axis=1)
    cut = Specimen(specimen.positions[near], specimen.class_ids[near], specimen.weights[near], specimen.classes)
    rng = np.random.default_rng(seed)
    if imager is not None and step.conditions.contamination > 0:
        return expose_under_carbon(cut, (SIDE, SIDE), here, step.conditions, rng)
    return expose(cut, (SIDE, SIDE), here, step.conditions, rng, imager)
