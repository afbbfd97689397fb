"""Atoms that change places while the frame is scanned: the lines before show them where they were, the lines after where they went.

Such an atom looks cut, or is seen twice, or not at all. It is what the ELIT paper takes the doubled uncertainty around impurities for
(its Fig. 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from elitscope.simulator.specimen import Specimen


@dataclass(frozen=True)
class Hop:
    """Atom number `atom` of a specimen goes to `to`, (row, column) in Å, when the scan has come down to `row`, Å."""

    atom: int
    to: tuple[float, float]
    row: float


def random_hops(
    specimen: Specimen, field: tuple[float, float], count: int, rng: np.random.Generator, distance: float = 1.42, margin: float = 3.0
) -> tuple[Hop, ...]:
    """`count` hops of different atoms, by `distance` (Å) in random directions, each while the scan passes over the atom.

    Args:
        specimen: whose atoms hop.
        field: field of view, (row, column) in Å; atoms within `margin` of its edge stay.
        count: how many; fewer where there are not so many atoms.
        rng: source of every random choice.
    """
    inside = ((specimen.positions > margin) & (specimen.positions < np.asarray(field) - margin)).all(axis=1)
    atoms = np.flatnonzero(inside)
    hops = []
    for atom in rng.choice(atoms, min(count, len(atoms)), replace=False):
        place, angle = specimen.positions[atom], rng.uniform(0.0, 2.0 * np.pi)
        to = (float(place[0] + distance * np.sin(angle)), float(place[1] + distance * np.cos(angle)))
        hops.append(Hop(int(atom), to, float((place[0] + to[0]) / 2.0 + rng.uniform(-0.3, 0.3))))
    return tuple(hops)


def stages(specimen: Specimen, hops: Sequence[Hop]) -> Iterator[tuple[float, Specimen]]:
    """The specimen as it was from each row (Å) of the scan on, the first from −∞.

    >>> sheet = Specimen(np.zeros((1, 2)), np.zeros(1, np.int32), np.ones(1), ("C",))
    >>> [(start, one.positions.tolist()) for start, one in stages(sheet, [Hop(0, (1.0, 0.0), 0.5)])]
    [(-inf, [[0.0, 0.0]]), (0.5, [[1.0, 0.0]])]
    """
    yield float("-inf"), specimen
    for hop in sorted(hops, key=lambda one: one.row):
        positions = specimen.positions.copy()
        positions[hop.atom] = hop.to
        specimen = replace(specimen, positions=positions)
        yield hop.row, specimen


def mostly_at(specimen: Specimen, hops: Sequence[Hop]) -> Specimen:
    """Every atom where more of it was seen: where it was, if the scan had passed that place before it left, or else where it went."""
    positions = specimen.positions.copy()
    for hop in hops:
        if hop.row <= positions[hop.atom, 0]:
            positions[hop.atom] = hop.to
    return replace(specimen, positions=positions)
