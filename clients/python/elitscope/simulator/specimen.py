"""What lies under the probe: lattices with the defects that real ones have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

CARBON_BOND = 1.42
"""Å, distance of neighbours in graphene."""
MARGIN = 4.0
"""Å by which a specimen exceeds the field of view on each side, since atoms outside still shine in."""


@dataclass(frozen=True)
class Specimen:
    """Atoms (or atomic columns) in projection."""

    positions: np.ndarray
    """float64 [atom, 2]: (row, column) in Å, origin at the centre of the first pixel."""
    class_ids: np.ndarray
    """int32 [atom]: index into `classes`."""
    weights: np.ndarray
    """float64 [atom]: brightness relative to one carbon atom."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.positions)


def brightness(atomic_number: float) -> float:
    """Annular dark-field signal of one atom relative to carbon: Z^1.7 (Krivanek et al., Nature 464, 571 (2010)).

    >>> round(brightness(14), 1)
    4.2
    """
    return float((atomic_number / 6.0) ** 1.7)


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
    sites = _lattice(cell, basis, field, rng, rotation, strain)[0]
    if hole > 0:
        sites = _cut_hole(sites, field, hole, rng)
    sites = sites[rng.random(len(sites)) >= vacancies]
    silicon = rng.random(len(sites)) < dopants
    positions = _displace(_push_neighbours(sites, silicon, rng), field, displacement, rng)
    class_ids = silicon.astype(np.int32)
    return Specimen(positions, class_ids, np.where(silicon, brightness(14), 1.0), ("C", "Si"))


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
    sites, sublattice = _lattice(spacing * np.eye(2), basis, field, rng, rotation, strain)
    kept = rng.random(len(sites)) >= vacancies
    sites, sublattice = sites[kept], sublattice[kept]
    weights = np.where(sublattice == 0, 1.0, ratio) * (1.0 + 0.1 * rng.standard_normal(len(sites))).clip(0.5, 1.5)
    return Specimen(_displace(sites, field, displacement, rng), sublattice, weights, ("A", "B"))


def _lattice(
    cell: np.ndarray, basis: np.ndarray, field: tuple[float, float], rng: np.random.Generator, rotation: Optional[float], strain: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sites [n, 2] (Å) that fill the field and its margin, and which atom of the basis each is."""
    angle = math.radians(rng.uniform(0.0, 360.0) if rotation is None else rotation)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = turn @ (np.eye(2) + _symmetric(rng.normal(0.0, strain, 3)))
    cell, basis = cell @ shape.T, basis @ shape.T
    origin = np.asarray(field) / 2.0 + rng.random(2) @ cell
    radius = math.hypot(*field) / 2.0 + MARGIN + 2.0 * float(np.abs(cell).max())
    reach = int(radius / abs(np.linalg.det(cell)) * float(np.linalg.norm(cell, axis=1).max())) + 1
    steps = np.stack(np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij"), -1).reshape(-1, 2)
    sites = (origin + (steps @ cell)[:, None, :] + basis[None]).reshape(-1, 2)
    sublattice = np.tile(np.arange(len(basis), dtype=np.int32), len(steps))
    inside = ((sites > -MARGIN) & (sites < np.asarray(field) + MARGIN)).all(axis=1)
    return sites[inside], sublattice[inside]


def _symmetric(components: np.ndarray) -> np.ndarray:
    return np.array([[components[0], components[2]], [components[2], components[1]]])


def _cut_hole(sites: np.ndarray, field: tuple[float, float], radius: float, rng: np.random.Generator) -> np.ndarray:
    """Sites outside a wavy circle somewhere in the middle of the field; what dangles at its edge does not survive the beam and is gone."""
    offset = sites - rng.uniform(0.25, 0.75, 2) * np.asarray(field)
    distance, angle = np.hypot(offset[:, 0], offset[:, 1]), np.arctan2(offset[:, 0], offset[:, 1])
    edge = np.full(len(sites), radius)
    for waves in (2, 3, 5):
        edge += radius * rng.uniform(0.0, 0.15) * np.cos(waves * angle + rng.uniform(0.0, 2.0 * math.pi))
    kept = distance >= edge
    for _ in range(3):
        rim = np.flatnonzero(kept & (distance < edge + 2.0 * CARBON_BOND))
        around = np.flatnonzero(kept & (distance < edge + 4.0 * CARBON_BOND))
        kept[rim[_neighbours(sites[rim], sites[around], 1.2 * CARBON_BOND).sum(axis=1) - 1 < 2]] = False
    return np.asarray(sites[kept])


def _push_neighbours(sites: np.ndarray, heavy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moves the neighbours of heavy atoms outward: a Si-C bond is longer than a C-C bond by up to 0.3 Å in projection."""
    moved = sites.copy()
    near = _neighbours(sites[heavy], sites, 1.2 * CARBON_BOND)
    for centre, around in zip(np.flatnonzero(heavy), near):
        away = sites[around] - sites[centre]
        length = np.linalg.norm(away, axis=1, keepdims=True)
        moved[around] += rng.uniform(0.05, 0.3) * np.divide(away, length, out=np.zeros_like(away), where=length > 0)
    return moved


def _neighbours(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """bool [point, other]: closer than `reach`."""
    rows, columns = (points[:, None, axis] - others[None, :, axis] for axis in (0, 1))
    return np.asarray(rows**2 + columns**2 < reach**2)


def _displace(sites: np.ndarray, field: tuple[float, float], rms: float, rng: np.random.Generator) -> np.ndarray:
    """Sites plus uncorrelated displacements and one long wave per axis."""
    moved = sites + rng.normal(0.0, rms, sites.shape) if rms > 0 else sites.copy()
    for axis in (0, 1):
        waves = rng.normal(0.0, 1.0, 2) / np.asarray(field)
        phase = rng.uniform(0.0, 2.0 * math.pi)
        moved[:, axis] += math.sqrt(2.0) * rms * np.sin(2.0 * math.pi * sites @ waves + phase)
    return moved
