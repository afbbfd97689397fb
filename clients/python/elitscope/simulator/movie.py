"""Movies whose imaging conditions drift, as an acquisition computer would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Callable, Optional

import numpy as np

from elitscope.simulator.conditions import Conditions
from elitscope.simulator.graphene import graphene
from elitscope.simulator.hexagonal import hexagonal
from elitscope.simulator.hops import random_hops
from elitscope.simulator.render import Imager, SimulatedFrame, expose
from elitscope.simulator.specimen import Specimen
from elitscope.simulator.square import square

LATTICES = ("graphene", "square", "hexagonal")
DRIFTS = ("none", "dose", "defocus", "contamination", "scan", "magnification", "all")


def movie(
    lattice: str = "graphene",
    shape: tuple[int, int] = (512, 512),
    frames: int = 48,
    seed: int = 0,
    drift: str = "none",
    sampling: Optional[float] = None,
    conditions: Optional[Conditions] = None,
    imager: Optional[Imager] = None,
    hops: int = 0,
) -> Iterator[SimulatedFrame]:
    """Frames of one specimen, one after the other; the same arguments give the same frames.

    Args:
        lattice: "graphene", "square" (two sublattices, as a perovskite) or "hexagonal" (two sublattices, as MoS2).
        shape: (rows, columns).
        frames: how many.
        seed: of specimen, noise and drift.
        drift: what gets worse from the first to the last frame: "dose" (to a tenth), "defocus" (to 45 Å), "contamination" (0 to 40 % of
            the frame, while a hole grows in a sheet), "scan" (jitter to 1.7 px, shear, line noise), "magnification" (0.7 to 1.4 times
            the sampling); "none"; "all": a steady part, then each of them in turn, on the same specimen.
        sampling: Å/px; by default 0.08 for graphene, 0.16 for the square lattice and 0.10 for the hexagonal one.
        conditions: what the drift starts from; by default `Conditions()`, with less dose for the hexagonal lattice's heavy atoms.
        imager: makes the images of atoms instead of Gaussians.
        hops: atoms of each frame that change places while it is scanned; which ones they were is in `SimulatedFrame.hops`.

    Raises:
        ValueError: an unknown lattice or drift, no frames, an empty shape, a sampling that is not positive, or fewer than no hops.

    Example:
        >>> [frame.pixels.shape for frame in movie(shape=(64, 48), frames=2)]
        [(64, 48), (64, 48)]
    """
    if lattice not in LATTICES:
        raise ValueError(f"lattice {lattice!r} is unknown: choose one of {', '.join(LATTICES)}")
    if drift not in DRIFTS:
        raise ValueError(f"drift {drift!r} is unknown: choose one of {', '.join(DRIFTS)}")
    if frames < 1 or len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"{frames} frames of shape {shape}: give at least one frame with at least one pixel")
    sampling = sampling if sampling is not None else _SAMPLING[lattice]
    if not sampling > 0:
        raise ValueError(f"sampling {sampling!r} is not usable: give a positive number in Å/px")
    if hops < 0:
        raise ValueError(f"{hops} hops are not possible: give zero or a positive number")
    base = replace(conditions or _USUAL.get(lattice, Conditions()), pattern=seed)
    return _frames(lattice, shape, frames, seed, drift, sampling, base, imager, hops)


def _frames(
    lattice: str,
    shape: tuple[int, int],
    frames: int,
    seed: int,
    drift: str,
    sampling: float,
    base: Conditions,
    imager: Optional[Imager],
    hops: int,
) -> Iterator[SimulatedFrame]:
    parts = ("none", *(name for name in DRIFTS if name not in ("none", "all"))) if drift == "all" else (drift,)
    for index in range(frames):
        part, progress = _place(index, frames, len(parts))
        name = parts[part]
        zoom = 0.7 + 0.7 * progress if name == "magnification" else 1.0
        here = sampling * zoom
        field = (shape[0] * here, shape[1] * here)
        hole = progress * min(8.0, 0.25 * min(field)) if name == "contamination" else 0.0
        specimen = _specimen(lattice, field, np.random.default_rng((seed, 0)), hole)
        shaken = _shake(specimen, np.random.default_rng((seed, 1, index)))
        jumps = random_hops(shaken, field, hops, np.random.default_rng((seed, 3, index)))
        frame = expose(shaken, shape, here, _DRIFT[name](base, progress), np.random.default_rng((seed, 2, index)), imager, jumps)
        yield replace(frame, segment=name)


def _place(index: int, frames: int, parts: int) -> tuple[int, float]:
    """Which part of the movie a frame belongs to, and how far (0 to 1) into that part."""
    part = index * parts // frames
    first, after = -(-part * frames // parts), -(-(part + 1) * frames // parts)
    return part, (index - first) / max(1, after - first - 1)


def _specimen(lattice: str, field: tuple[float, float], rng: np.random.Generator, hole: float) -> Specimen:
    if lattice == "graphene":
        return graphene(field, rng, displacement=0.03, hole=hole)
    if lattice == "hexagonal":
        return hexagonal(field, rng, displacement=0.03, hole=hole)
    return square(field, rng, displacement=0.03)


def _shake(specimen: Specimen, rng: np.random.Generator) -> Specimen:
    """The specimen as one frame catches it: thermal displacements, and a stage that is never quite still."""
    thermal = rng.normal(0.0, 0.04, specimen.positions.shape) + rng.normal(0.0, 0.1, 2)
    return replace(specimen, positions=specimen.positions + thermal)


_SAMPLING = {"graphene": 0.08, "square": 0.16, "hexagonal": 0.10}
_USUAL = {"hexagonal": Conditions(electrons=1.0)}  # of carbon: a metal atom's peak is 27 times that
_DRIFT: dict[str, Callable[[Conditions, float], Conditions]] = {
    "none": lambda base, progress: base,
    "dose": lambda base, progress: replace(base, electrons=base.electrons * 0.1**progress),
    "defocus": lambda base, progress: base.defocused(45.0 * progress),
    "contamination": lambda base, progress: replace(base, contamination=0.4 * progress, thickness=30.0),
    "scan": lambda base, progress: replace(
        base,
        row_jitter=base.row_jitter + 1.5 * progress,
        shear=(0.02 * progress, 0.05 * progress),
        line_noise=0.035 * progress,
        gain=base.gain * (1.0 - 0.5 * progress),
        offset=base.offset + 80.0 * progress,
    ),
    "magnification": lambda base, progress: replace(base, row_jitter=base.row_jitter * (1.0 - 0.3 * progress)),
}
