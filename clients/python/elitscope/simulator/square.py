"""The generic square lattice: two sublattices, as of a perovskite along [001]."""

from __future__ import annotations

from typing import Optional

import numpy as np

from elitscope.simulator.lattice import displace, fill
from elitscope.simulator.specimen import Specimen


def square(
    field: tuple[float, float],
    rng: np.random.Generator,
    spacing: float = 3.9,
    ratio: float = 0.45,
    vacancies: float = 0.0,
    rotation: Optional[float] = None,
    strain: float = 0.005,
    displacement: float = 0.05,
) -> Specimen:
    """Two square sublattices, one in the middle of the other's squares, as of a perovskite along [001]; classes ("A", "B").

    Args:
        field: field of view, (row, column) in Å.
        rng: source of every random choice.
        spacing: Å, side of the square.
        ratio: brightness of B relative to A; A's is 1 on average and varies by a tenth from column to column.
        vacancies, rotation, strain, displacement: as for `graphene`.
    """
    basis = np.array([[0.0, 0.0], [spacing / 2.0, spacing / 2.0]])
    sites, sublattice = fill(spacing * np.eye(2), basis, field, rng, rotation, strain)
    kept = rng.random(len(sites)) >= vacancies
    sites, sublattice = sites[kept], sublattice[kept]
    weights = np.where(sublattice == 0, 1.0, ratio) * (1.0 + 0.1 * rng.standard_normal(len(sites))).clip(0.5, 1.5)
    return Specimen(displace(sites, field, displacement, rng), sublattice, weights, ("A", "B"))
