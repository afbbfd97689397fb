"""Hexagonal sheets of two elements, as MoS2 and its kin: metal atoms and pairs of chalcogen atoms take turns on a honeycomb."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np

from elitscope.simulator.lattice import displace, fill, outside_hole
from elitscope.simulator.specimen import Specimen, brightness

METAL, CHALCOGEN = 0, 1


def hexagonal(
    field: tuple[float, float],
    rng: np.random.Generator,
    spacing: float = 3.16,
    metal: int = 42,
    chalcogen: int = 16,
    vacancies: float = 0.002,
    single: float = 0.02,
    double: float = 0.004,
    dopants: float = 0.005,
    dopant: int = 74,
    rotation: Optional[float] = None,
    strain: float = 0.005,
    displacement: float = 0.05,
    hole: float = 0.0,
) -> Specimen:
    """One layer of a 1H transition metal dichalcogenide seen from above; by default MoS2 with some tungsten.

    Classes are ("metal", "chalcogen"), the two sublattices, whatever sits there: a dopant is a bright metal, a column of one chalcogen
    atom instead of two a dim chalcogen. Brightness is Z^1.7 summed over a column.

    Args:
        field: field of view, (row, column) in Å.
        rng: source of every random choice.
        spacing: Å, distance of metal atoms.
        metal, chalcogen, dopant: atomic numbers.
        vacancies: fraction of metal sites without an atom.
        single: fraction of chalcogen columns with one atom instead of two.
        double: fraction of chalcogen columns that are empty.
        dopants: fraction of metal atoms that another element replaces.
        rotation, strain, displacement, hole: as for `graphene`.

    Example:
        >>> sheet = hexagonal((30.0, 30.0), np.random.default_rng(0), single=0.0, dopants=0.0)
        >>> [round(float(sheet.weights[sheet.class_ids == kind].mean()), 1) for kind in (METAL, CHALCOGEN)]
        [27.3, 10.6]
    """
    bond = spacing / math.sqrt(3.0)
    cell = bond * np.array([[math.sqrt(3.0), 0.0], [math.sqrt(3.0) / 2.0, 1.5]])
    sites, sublattice = fill(cell, np.array([[0.0, 0.0], [0.0, bond]]), field, rng, rotation, strain)
    if hole > 0:
        kept = outside_hole(sites, field, hole, bond, rng)
        sites, sublattice = sites[kept], sublattice[kept]
    kept = rng.random(len(sites)) >= np.where(sublattice == METAL, vacancies, double)
    sites, sublattice = sites[kept], sublattice[kept]
    chance = rng.random(len(sites))
    weights = np.where(
        sublattice == METAL,
        np.where(chance < dopants, brightness(dopant), brightness(metal)),
        np.where(chance < single, 1.0, 2.0) * brightness(chalcogen),
    )
    return Specimen(displace(sites, field, displacement, rng), sublattice, weights, ("metal", "chalcogen"))
