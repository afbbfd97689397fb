"""Molecular dynamics of graphene that loses its atoms one by one: the ELIT paper's source of specimens, affordable.

The paper runs VASP on a supercell of 199 atoms at 300 K, 2,000 steps of 1 fs for every atom that is removed, until 10 remain. Tersoff's
many-body potential stands in for VASP: it takes milliseconds a step, knows bonds, rings and dangling ends, and its graphene is 3 % too
wide, which is put right in the end.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from elitscope.simulator.graphene import CARBON_BOND

if TYPE_CHECKING:
    from ase import Atoms

TERSOFF_BOND = 1.46051
"""Å, distance of neighbours in graphene with the least energy in Tersoff's potential."""
PERIOD = 8.6
"""Å, from the sheet to its periodic image above."""
FRICTION = 0.02
"""1/fs, coupling to the heat bath: a removed atom's energy is gone within some 50 steps."""

Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Dynamics:
    """Parameters of a run; the defaults take a few minutes on one core, `Dynamics(steps=2000)` is as long as the paper's."""

    cells: int = 10
    """Unit cells of two atoms along each side of the supercell."""
    remaining: int = 10
    """Atoms with which it ends."""
    temperature: float = 300.0
    """K."""
    steps: int = 400
    """Steps of 1 fs after each removal."""
    snapshots: int = 4
    """How many are kept of these steps, evenly spaced, the last step's always."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.cells < 2 or not 0 < self.remaining < 2 * self.cells**2:
            raise ValueError(f"{self.remaining} of {2 * self.cells**2} atoms ({self.cells} cells): give 2 cells or more and fewer atoms")
        if self.snapshots < 1 or self.steps < self.snapshots:
            raise ValueError(
                f"{self.snapshots} snapshots of {self.steps} steps: give at least one of each, and no more snapshots than steps"
            )
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature!r}: give a positive number of kelvins")

    @property
    def removals(self) -> int:
        """Atoms that are removed."""
        return 2 * self.cells**2 - self.remaining


def run(dynamics: Dynamics, advance: Callable[[int], None] = lambda steps: None) -> tuple[Array, list[Array]]:
    """Run it.

    Args:
        dynamics: what to run; its seed decides every random choice.
        advance: told how many more steps are done.

    Returns:
        The cell, float32 [2, 2], its vectors in Å, and the snapshots, float32 [atom, 2] each, in Å within the cell, scaled to graphene's
        own bond length.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # lone atoms have no neighbours to sum over
        warnings.filterwarnings("ignore", message="'where' used without 'out'")
        sheet = _sheet(dynamics)
        scale = CARBON_BOND / TERSOFF_BOND
        cell = np.asarray(sheet.cell)[:2, :2] * scale
        return cell.astype(np.float32), [_wrapped(each * scale, cell) for each in _snapshots(sheet, dynamics, advance)]


def _snapshots(sheet: Atoms, dynamics: Dynamics, advance: Callable[[int], None]) -> Iterator[np.ndarray[Any, Any]]:
    from ase import units
    from ase.md.langevin import Langevin
    from ase.md.velocitydistribution import thermalize_momenta

    rng = np.random.default_rng(dynamics.seed)
    thermalize_momenta(sheet, dynamics.temperature, rng=rng)
    ends = [dynamics.steps * (index + 1) // dynamics.snapshots for index in range(dynamics.snapshots)]
    for _ in range(dynamics.removals):
        del sheet[int(rng.integers(len(sheet)))]
        bath = Langevin(sheet, units.fs, temperature_K=dynamics.temperature, friction=FRICTION / units.fs, fixcm=False, rng=rng)
        done = 0
        for end in ends:
            bath.run(end - done)
            advance(end - done)
            done = end
            yield sheet.get_positions()[:, :2]


def _sheet(dynamics: Dynamics) -> Atoms:
    from ase.build import graphene
    from matscipy.calculators.manybody import Manybody
    from matscipy.calculators.manybody.explicit_forms.tersoff_brenner import Tersoff_PRB_39_5566_Si_C, TersoffBrenner

    sheet = graphene(a=TERSOFF_BOND * math.sqrt(3.0), vacuum=PERIOD / 2.0).repeat((dynamics.cells, dynamics.cells, 1))
    sheet.pbc = True
    sheet.calc = Manybody(**TersoffBrenner(Tersoff_PRB_39_5566_Si_C))
    return sheet


def _wrapped(positions: np.ndarray[Any, Any], cell: np.ndarray[Any, Any]) -> Array:
    return np.asarray((positions @ np.linalg.inv(cell) % 1.0) @ cell, np.float32)
