"""Recipes: everything that decides what an ensemble becomes, under one name that its manifest records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from elitscope.simulator import Conditions, SimulatedFrame, expose, graphene
from elitscope_models.normalise import Local, MinMax, Percentile
from elitscope_models.training.augment import Augmentation
from elitscope_models.training.network import UNetShape
from elitscope_models.training.schedule import Schedule


@dataclass(frozen=True)
class Recipe:
    """One way to make an ensemble. The defaults are those of the first graphene ensemble."""

    name: str
    ensemble: str
    classes: tuple[str, ...] = ("atom",)
    sampling: float = 0.10
    """Å/px, native."""
    sampling_range: tuple[float, float] = (0.07, 0.14)
    """Å/px within which frames are analysed on their own grid; training goes a little beyond both ends."""
    mask_radius: float = 0.5
    """Å, radius of the disc that marks an atom."""
    clean: float = 4.0
    """Å of contamination up to which an atom is marked."""
    covered: float = 8.0
    """Å of contamination from which there is nothing but background; what lies between does not count in the loss."""
    frames: int = 1200
    side: int = 256
    """px, side of a simulated frame."""
    crop: int = 128
    """px, side of a training patch."""
    test_fraction: float = 0.15
    network: UNetShape = field(default_factory=UNetShape)
    normalisation: MinMax | Percentile | Local = field(default_factory=Local)
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)

    def with_steps(self, steps: int) -> Recipe:
        """The same recipe, shorter or longer; the averaged share stays."""
        averaged = max(1, self.schedule.averaged * steps // self.schedule.steps)
        return replace(self, schedule=replace(self.schedule, steps=steps, averaged=averaged, recount=min(self.schedule.recount, steps)))

    def draw(self, rng: np.random.Generator) -> SimulatedFrame:
        """One frame of random graphene under random conditions.

        The ranges are those of annular dark-field work on two-dimensional materials in general: from one electron per pixel to
        dozens, in focus and out of it, clean and half covered, with drift and jittering lines. Si and C are one class here.
        """
        low, high = self.sampling_range
        sampling = _log_uniform(rng, low * 0.9, high * 1.1)
        span = self.side * sampling
        specimen = graphene(
            (span, span),
            rng,
            vacancies=rng.choice([0.0, rng.uniform(0.0, 0.03)]),
            dopants=rng.choice([0.0, rng.uniform(0.0, 0.03)]),
            strain=0.01,
            displacement=rng.uniform(0.02, 0.1),
            hole=rng.uniform(min(3.0, 0.2 * span), 0.45 * span) if rng.random() < 0.3 else 0.0,
        )
        return expose(specimen, (self.side, self.side), sampling, _conditions(rng), rng)


def _conditions(rng: np.random.Generator) -> Conditions:
    dirty = rng.random() < 0.45
    conditions = Conditions(
        electrons=_log_uniform(rng, 1.0, 40.0),
        width=rng.uniform(0.8, 1.4),
        tails=rng.uniform(0.0, 0.4),
        tail_width=rng.uniform(2.0, 4.5),
        background=rng.uniform(0.0, 0.5),
        gradient=(rng.normal(0.0, 0.15), rng.normal(0.0, 0.15)),
        contamination=rng.uniform(0.03, 0.55) if dirty else 0.0,
        thickness=_log_uniform(rng, 3.0, 60.0),
        patch=rng.uniform(5.0, 25.0),
        pattern=int(rng.integers(1 << 31)),
        row_jitter=min(2.0, rng.exponential(0.5)),
        shear=(rng.normal(0.0, 0.02), rng.normal(0.0, 0.03)),
        line_noise=min(0.06, rng.exponential(0.015)),
        gain=_log_uniform(rng, 2.0, 20.0),
        readout=rng.uniform(0.0, 6.0),
        offset=rng.uniform(0.0, 300.0),
        hot_pixels=_log_uniform(rng, 1e-5, 3e-4) if rng.random() < 0.1 else 0.0,
    )
    return conditions.defocused(rng.uniform(5.0, 40.0)) if rng.random() < 0.4 else conditions


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


RECIPES: Mapping[str, Recipe] = MappingProxyType({"graphene-first": Recipe(name="graphene-first", ensemble="graphene")})
"""Every recipe by name."""
