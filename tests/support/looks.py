"""Results whose every member is drawn by hand: discs where it sees atoms, on frames of the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elitscope.simulator import Conditions, SimulatedFrame, expose, graphene
from elitscope.types import Result, Timing
from elitscope_models.bundle import read_manifest
from elitscope_models.drift.selection import answer
from elitscope_models.manifest import Manifest
from elitscope_models.truth import discs
from elitscope_models.zoo import find_bundle

SHAPE, SAMPLING = (192, 192), 0.1
RADIUS = 0.5 / SAMPLING
"""px, of a disc."""

Array = np.ndarray[Any, np.dtype[Any]]


def graphene_manifest() -> Manifest:
    """Of the ensemble that ships, eight members."""
    return read_manifest(find_bundle("graphene"))


def sheet(seed: int = 0, conditions: Conditions | None = None, hole: float = 0.0) -> SimulatedFrame:
    """A frame of graphene."""
    rng = np.random.default_rng(seed)
    field = (SHAPE[0] * SAMPLING, SHAPE[1] * SAMPLING)
    return expose(graphene(field, rng, dopants=0.0, hole=hole), SHAPE, SAMPLING, conditions or Conditions(), rng)


def drawn(places: Array, probability: float = 0.9, fog: float = 0.02) -> Array:
    """One member's map, float32 [class, row, column]: discs at `places`, and so much everywhere else."""
    return np.asarray(np.maximum(fog, probability * discs(places, SHAPE, RADIUS)), np.float32)[None]


def result(maps: Sequence[Array], frame_id: int = 0, members: tuple[int, ...] | None = None, ensemble: str = "graphene") -> Result:
    """What the service would answer with these active members' maps."""
    stack = np.stack(maps)
    found = answer(stack, range(len(stack)), (SAMPLING, SAMPLING))
    return Result(
        frame_id=frame_id,
        stream="s",
        sequence=frame_id,
        ensemble=ensemble,
        ensemble_version="1",
        members=members or tuple(range(len(maps))),
        revision=1,
        plan="drawn",
        classes=("atom",),
        sampling=(SAMPLING, SAMPLING),
        warnings=(),
        timing=Timing(),
        mean=found.mean,
        std=found.std,
        atoms=found.atoms,
        member_maps=found.maps,
    )
