"""Recipes: everything that decides what an ensemble becomes, under one name that its manifest records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from elitscope.simulator import Imager, SimulatedFrame, expose
from elitscope_models.normalise import Local, MinMax, Percentile
from elitscope_models.training.augment import SIMULATED, Augmentation
from elitscope_models.training.dynamics import Dynamics
from elitscope_models.training.imaging import GaussianAtoms, Imaging, log_uniform
from elitscope_models.training.molecular import MolecularSheets
from elitscope_models.training.multislice import Multislice
from elitscope_models.training.network import UNetShape
from elitscope_models.training.schedule import Schedule
from elitscope_models.training.specimens import GrapheneSheets, Specimens, SquareLattices

DRAWS = 50
"""Frames drawn at most until one's contrast is either there or gone."""


@dataclass(frozen=True)
class Recipe:
    """One way to make an ensemble."""

    name: str
    ensemble: str
    specimens: Specimens
    classes: tuple[str, ...] = ("atom",)
    marks: tuple[int, ...] = (0, 0)
    """Which of `classes` each class of the specimens is marked as."""
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
    contrast: tuple[float, float] = (1.03, 1.10)
    """Up to the first (median over the atoms, see `SimulatedFrame.contrast`) a frame's lattice can't be seen and is background; from the
    second on it is marked."""
    visibility: float = 2.0
    """Signal over noise of a single atom (see `visibility`) below which nobody could say what is there: such frames are not used, nor are
    those whose contrast lies between the two bounds above."""
    imaging: Imaging | GaussianAtoms = field(default_factory=Imaging)
    frames: int = 2400
    side: int = 256
    """px, side of a simulated frame."""
    crop: int = 128
    """px, side of a training patch."""
    test_fraction: float = 0.15
    network: UNetShape = field(default_factory=lambda: UNetShape(halved=True))
    normalisation: MinMax | Percentile | Local = field(default_factory=Local)
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)

    def with_steps(self, steps: int) -> Recipe:
        """The same recipe, shorter or longer; the averaged share stays."""
        averaged = max(1, self.schedule.averaged * steps // self.schedule.steps)
        return replace(self, schedule=replace(self.schedule, steps=steps, averaged=averaged, recount=min(self.schedule.recount, steps)))

    def draw(self, rng: np.random.Generator) -> SimulatedFrame:
        """One frame of a random specimen under random conditions."""
        low, high = self.sampling_range
        for _ in range(DRAWS):
            sampling = log_uniform(rng, low * 0.9, high * 1.1)
            specimen = self.specimens.draw((self.side * sampling, self.side * sampling), rng)
            frame = expose(specimen, (self.side, self.side), sampling, self.imaging.draw(rng), rng)
            if self.sees(frame) is not None:
                return frame
        raise RuntimeError(f"recipe {self.name!r}: {DRAWS} frames in a row had too little contrast or signal")

    def sees(self, frame: SimulatedFrame) -> bool | None:
        """Whether the lattice can be seen in a frame; None where that is anyone's guess."""
        if not len(frame.contrast):
            return True
        contrast = float(np.median(frame.contrast))
        if contrast <= self.contrast[0]:
            return False
        return True if contrast >= self.contrast[1] and visibility(frame, self.mask_radius) >= self.visibility else None


@dataclass(frozen=True)
class PaperRecipe(Recipe):
    """A recipe whose frames are all of one sampling, from which augmentation zooms in."""

    imager: Imager | None = None
    """Makes the images of atoms instead of Gaussians."""

    def draw(self, rng: np.random.Generator) -> SimulatedFrame:
        """One frame of a random specimen."""
        specimen = self.specimens.draw((self.side * self.sampling, self.side * self.sampling), rng)
        return expose(specimen, (self.side, self.side), self.sampling, self.imaging.draw(rng), rng, self.imager)


def visibility(frame: SimulatedFrame, radius: float) -> float:
    """Median over atoms of signal over shot noise: how far an atom's disc stands out of what surrounds it.

    `radius`: Å, of the disc over which electrons are counted.
    """
    pixels = np.pi * (radius / frame.sampling) ** 2
    counted = frame.signal + frame.conditions.background * frame.conditions.electrons
    difference = frame.signal * (1.0 - 1.0 / frame.contrast.clip(1e-3))
    return float(np.median(difference * np.sqrt(pixels / counted.clip(1e-6))))


PAPER = PaperRecipe(
    name="paper",
    ensemble="paper",
    specimens=MolecularSheets(Dynamics(steps=2000, snapshots=10)),
    sampling=1 / 12,
    sampling_range=(1 / 24, 1 / 12),
    mask_radius=5 / 12,
    imaging=GaussianAtoms(),
    frames=2000,
    side=320,
    crop=256,
    network=UNetShape(nb_filters=64, layers=(2, 3, 3, 4)),
    normalisation=MinMax(),
    augmentation=SIMULATED,
    schedule=Schedule(steps=2000, batch=32, averaged=30, learning_rate=1e-3, patience=5, check=100, threads=2),
)
"""The ELIT paper's own parameters, for its 20 members; what it leaves open (batch, frames, patience) is AtomAI's or a guess.

Molecular dynamics as long as the paper's, images of 12 px/Å, masks of 5 px, patches of 256², AtomAI's large U-Net and its normalisation: a
recipe for GPUs, to compare with.
"""

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="graphene",
                ensemble="graphene",
                specimens=GrapheneSheets(brightness=(0.7, 1.4)),
                imaging=Imaging(bare=0.03),
                schedule=Schedule(steps=3200, averaged=700),
            ),
            Recipe(
                name="graphene-si",
                ensemble="graphene-si",
                specimens=GrapheneSheets(dopants=0.08, doped=0.85, brightness=(0.75, 1.35)),
                classes=("C", "Si"),
                marks=(0, 1),
                imaging=Imaging(bare=0.03),
                network=UNetShape(classes=3, halved=True),
                schedule=Schedule(steps=1400, averaged=300),
            ),
            Recipe(
                name="square-lattice",
                ensemble="square-lattice",
                specimens=SquareLattices(),
                classes=("A", "B"),
                marks=(0, 1),
                sampling=0.16,
                sampling_range=(0.11, 0.22),
                mask_radius=0.65,
                imaging=Imaging(electrons=(2.0, 100.0), source=(0.6, 1.3), background=0.8, depths=1.2, contamination=0.25),
                network=UNetShape(classes=3, halved=True),
                schedule=Schedule(steps=1600, averaged=300),
            ),
            PAPER,
            replace(PAPER, name="paper-multislice", ensemble="paper-multislice", imager=Multislice(), frames=200),
        )
    }
)
"""Every recipe by name."""
