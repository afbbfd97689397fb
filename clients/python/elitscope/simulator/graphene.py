"""Graphene: one sheet of carbon, with vacancies, holes and silicon on some sites."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np

from elitscope.simulator.lattice import displace, fill, near, outside_hole
from elitscope.simulator.specimen import Specimen, brightness

CARBON_BOND = 1.42
"""Å, distance of neighbours in graphene."""


def graphene(
    field: tuple[float, float],
    rng: np.random.Generator,
    vacancies: float = 0.002,
    dopants: float = 0.004,
    rotation: Optional[float] = None,
    strain: float = 0.005,
    displacement: float = 0.05,
    hole: float = 0.0,
) -> Specimen:
    """One sheet of graphene with silicon on some carbon sites; classes ("C", "Si").

    Args:
        field: field of view, (row, column) in Å.
        rng: source of every random choice.
        vacancies: fraction of sites without an atom.
        dopants: fraction of atoms that are silicon, whose neighbours are pushed outward.
        rotation: degrees; drawn at random when None.
        strain: rms of the random uniform strain.
        displacement: Å, rms per axis of uncorrelated displacements; a long wave of the same size comes on top.
        hole: Å, radius of a hole at a random place, rounded off by a few waves; atoms with fewer than two neighbours at its edge are gone.

    Example:
        >>> sheet = graphene((20.0, 20.0), np.random.default_rng(0), dopants=0.0)
        >>> bool(0.3 < len(sheet) / 28.0**2 < 0.45)          # 0.38 atoms per Å², margin included
        True
    """
    cell = CARBON_BOND * np.array([[math.sqrt(3.0), 0.0], [math.sqrt(3.0) / 2.0, 1.5]])
    basis = np.array([[0.0, 0.0], [0.0, CARBON_BOND]])
    sites = fill(cell, basis, field, rng, rotation, strain)[0]
    if hole > 0:
        sites = sites[outside_hole(sites, field, hole, CARBON_BOND, rng)]
    sites = sites[rng.random(len(sites)) >= vacancies]
    silicon = rng.random(len(sites)) < dopants
    return doped(displace(relaxed(sites, silicon, rng), field, displacement, rng), silicon)


def doped(positions: np.ndarray, silicon: np.ndarray) -> Specimen:
    """Carbon at `positions` (float [atom, 2], Å), silicon where `silicon` (bool [atom]) says so; classes ("C", "Si")."""
    return Specimen(positions, silicon.astype(np.int32), np.where(silicon, brightness(14), 1.0), ("C", "Si"))


def relaxed(sites: np.ndarray, silicon: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sites with the neighbours of silicon pushed outward: a Si-C bond is longer than a C-C bond by up to 0.3 Å in projection."""
    moved = sites.copy()
    for centre, around in zip(np.flatnonzero(silicon), near(sites[silicon], sites, 1.2 * CARBON_BOND)):
        away = sites[around] - sites[centre]
        length = np.linalg.norm(away, axis=1, keepdims=True)
        moved[around] += rng.uniform(0.05, 0.3) * np.divide(away, length, out=np.zeros_like(away), where=length > 0)
    return moved
