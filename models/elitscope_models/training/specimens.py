"""What lies under the probe in a recipe's frames: random pieces of a lattice with the defects that real ones have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from elitscope.simulator import Specimen, graphene, square
from elitscope_models.training.imaging import Range


class Specimens(Protocol):
    """A source of specimens."""

    def draw(self, field: tuple[float, float], rng: np.random.Generator) -> Specimen:
        """One specimen that fills a field of view (row, column) in Å and a margin around it."""
        ...


@dataclass(frozen=True)
class GrapheneSheets:
    """Graphene, half of it with vacancies, half with impurities, some with a hole; classes (C, Si).

    The sheets come from a lattice with random displacements; `MolecularSheets` have the paper's molecular dynamics instead.
    """

    vacancies: float = 0.03
    dopants: float = 0.03
    doped: float = 0.5
    """Fraction of the sheets with impurities."""
    brightness: Range = (1.0, 1.0)
    """Factors on an impurity's brightness: detectors differ in how steeply the signal rises with the atomic number."""
    holes: float = 0.3
    """Fraction of the sheets with a hole."""

    def draw(self, field: tuple[float, float], rng: np.random.Generator) -> Specimen:
        """See `Specimens`."""
        span = min(field)
        sheet = graphene(
            field,
            rng,
            vacancies=rng.choice([0.0, rng.uniform(0.0, self.vacancies)]),
            dopants=rng.uniform(0.0, self.dopants) if rng.random() < self.doped else 0.0,
            strain=0.01,
            displacement=rng.uniform(0.02, 0.1),
            hole=rng.uniform(min(3.0, 0.2 * span), 0.45 * span) if rng.random() < self.holes else 0.0,
        )
        impurity = sheet.class_ids == 1
        return replace(sheet, weights=np.where(impurity, sheet.weights * rng.uniform(*self.brightness), sheet.weights))


@dataclass(frozen=True)
class SquareLattices:
    """Two square sublattices as of a perovskite along [001], displaced at random (the paper's NiO-LSMO case); classes (A, B)."""

    spacing: Range = (3.5, 4.4)
    """Å, side of the square."""
    ratio: Range = (0.2, 0.8)
    """Brightness of B relative to A."""
    vacancies: float = 0.02
    displacement: Range = (0.03, 0.2)
    """Å, rms per axis."""

    def draw(self, field: tuple[float, float], rng: np.random.Generator) -> Specimen:
        """See `Specimens`."""
        return square(
            field,
            rng,
            spacing=rng.uniform(*self.spacing),
            ratio=rng.uniform(*self.ratio),
            vacancies=rng.choice([0.0, rng.uniform(0.0, self.vacancies)]),
            strain=0.015,
            displacement=rng.uniform(*self.displacement),
        )
