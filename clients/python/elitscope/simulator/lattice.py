"""Sites of a two-dimensional crystal, and what happens to them: holes, displacements, neighbours."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np

MARGIN = 4.0
"""Å by which a specimen exceeds the field of view on each side, since atoms outside still shine in."""


def fill(
    cell: np.ndarray, basis: np.ndarray, field: tuple[float, float], rng: np.random.Generator, rotation: Optional[float], strain: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sites of a crystal at a random place, all over the field of view and its margin.

    Args:
        cell: float [2, 2], its vectors, (row, column) in Å.
        basis: float [site, 2], sites in a cell, Å.
        field: field of view, (row, column) in Å.
        rng: source of every random choice.
        rotation: degrees; drawn at random when None.
        strain: rms of the random uniform strain.

    Returns:
        Sites float64 [n, 2] in Å, and int32 [n], which site of the basis each is.
    """
    angle = math.radians(rng.uniform(0.0, 360.0) if rotation is None else rotation)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = turn @ (np.eye(2) + _symmetric(rng.normal(0.0, strain, 3)))
    cell, basis = cell @ shape.T, basis @ shape.T
    origin = np.asarray(field) / 2.0 + rng.random(2) @ cell
    radius = math.hypot(*field) / 2.0 + MARGIN + 2.0 * float(np.abs(cell).max())
    reach = int(radius / abs(np.linalg.det(cell)) * float(np.linalg.norm(cell, axis=1).max())) + 1
    steps = np.stack(np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij"), -1).reshape(-1, 2)
    sites = (origin + (steps @ cell)[:, None, :] + basis[None]).reshape(-1, 2)
    of = np.tile(np.arange(len(basis), dtype=np.int32), len(steps))
    inside = within(sites, field)
    return sites[inside], of[inside]


def within(sites: np.ndarray, field: tuple[float, float]) -> np.ndarray:
    """bool [site]: in the field of view or its margin."""
    return np.asarray(((sites > -MARGIN) & (sites < np.asarray(field) + MARGIN)).all(axis=1))


def outside_hole(sites: np.ndarray, field: tuple[float, float], radius: float, bond: float, rng: np.random.Generator) -> np.ndarray:
    """bool [site]: outside a wavy circle somewhere in the middle of the field.

    What dangles at its edge, with fewer than two neighbours at `bond` (Å), does not survive the beam and is gone as well.
    """
    offset = sites - rng.uniform(0.25, 0.75, 2) * np.asarray(field)
    distance, angle = np.hypot(offset[:, 0], offset[:, 1]), np.arctan2(offset[:, 0], offset[:, 1])
    edge = np.full(len(sites), radius)
    for waves in (2, 3, 5):
        edge += radius * rng.uniform(0.0, 0.15) * np.cos(waves * angle + rng.uniform(0.0, 2.0 * math.pi))
    kept = distance >= edge
    for _ in range(3):
        rim = np.flatnonzero(kept & (distance < edge + 2.0 * bond))
        around = np.flatnonzero(kept & (distance < edge + 4.0 * bond))
        kept[rim[near(sites[rim], sites[around], 1.2 * bond).sum(axis=1) - 1 < 2]] = False
    return np.asarray(kept)


def near(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """bool [point, other]: closer than `reach`."""
    rows, columns = (points[:, None, axis] - others[None, :, axis] for axis in (0, 1))
    return np.asarray(rows**2 + columns**2 < reach**2)


def displace(sites: np.ndarray, field: tuple[float, float], rms: float, rng: np.random.Generator) -> np.ndarray:
    """Sites plus uncorrelated displacements of `rms` Å per axis and one long wave per axis."""
    moved = sites + rng.normal(0.0, rms, sites.shape) if rms > 0 else sites.copy()
    for axis in (0, 1):
        waves = rng.normal(0.0, 1.0, 2) / np.asarray(field)
        phase = rng.uniform(0.0, 2.0 * math.pi)
        moved[:, axis] += math.sqrt(2.0) * rms * np.sin(2.0 * math.pi * sites @ waves + phase)
    return moved


def _symmetric(components: np.ndarray) -> np.ndarray:
    return np.array([[components[0], components[2]], [components[2], components[1]]])
