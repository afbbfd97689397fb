"""Contamination by multislice: atoms of amorphous carbon on the specimen, which scatter the probe as the lattice's do.

The simulator adds the signal of dirt to that of the lattice. Here every carbon atom is in the potential instead: where a frame has dirt,
and how thick, is the same, and it grows in place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elitscope.simulator import Conditions, SimulatedFrame, Specimen, expose
from elitscope.simulator.contamination import CARBON_DENSITY, contamination_map
from elitscope.simulator.lattice import MARGIN
from elitscope_models.training.multislice import Multislice, atoms_of

Array = np.ndarray[Any, np.dtype[Any]]

SLICES = 4.0
"""Å: thicker slices than of a sheet alone, since there are a dozen of them."""
_ABOVE = 1.5
"""Å between the sheet and the lowest carbon."""


@dataclass(frozen=True)
class UnderCarbon:
    """An imager that lays the contamination of `dirty` on every specimen; what is exposed with it must not have any of its own."""

    dirty: Conditions
    multislice: Multislice

    def __call__(self, specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions) -> Array:
        """float32 [row, column], as `Multislice` makes it."""
        numbers, places = atoms_of(specimen)
        carbon = amorphous(shape, sampling, self.dirty) + np.array([0.0, 0.0, places[:, 2].max(initial=0.0) + _ABOVE])
        atoms = np.concatenate([numbers, np.full(len(carbon), 6)]), np.concatenate([places, carbon])
        return self.multislice.image(atoms, shape, sampling, conditions)


def amorphous(shape: tuple[int, int], sampling: float, conditions: Conditions) -> Array:
    """Atoms at random places below the contamination's surface, in the frame and `MARGIN` around it: float64 [atom, 3], Å."""
    height, width = (side * sampling + 2.0 * MARGIN for side in shape)
    rng = np.random.default_rng((conditions.pattern, 8))
    count = rng.poisson(CARBON_DENSITY * height * width * conditions.thickness)
    places = rng.random((count, 3)) * (height, width, conditions.thickness) - (MARGIN, MARGIN, 0.0)
    rows, columns = (np.rint(places[:, axis] / sampling).astype(int).clip(0, shape[axis] - 1) for axis in (0, 1))
    return np.asarray(places[places[:, 2] < contamination_map(shape, sampling, conditions)[rows, columns]])


def expose_under_carbon(
    specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions, rng: np.random.Generator
) -> SimulatedFrame:
    """One frame whose contamination is atoms; the truth is told as of any other frame."""
    imager = UnderCarbon(conditions, Multislice(slices=SLICES))
    frame = expose(specimen, shape, sampling, replace(conditions, contamination=0.0), rng, imager)
    rows, columns = (np.rint(frame.positions[:, axis]).astype(int).clip(0, shape[axis] - 1) for axis in (0, 1))
    return replace(frame, contamination=contamination_map(shape, sampling, conditions)[rows, columns], conditions=conditions)
