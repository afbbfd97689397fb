"""One network of an ensemble in a few figures: does it still fit what the microscope sees (ELIT paper, Fig. 2)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elitscope.types import AtomTable
from elitscope_models.atom_agreement import atom_agreement
from elitscope_models.atom_probability import probability_at_atoms
from elitscope_models.detections import detections
from elitscope_models.fog import Maps, fog
from elitscope_models.pixel_agreement import pixel_agreement


@dataclass(frozen=True)
class MemberFigures:
    """Each is defined in the module of its name; NaN where it can't be computed."""

    pixel_agreement: float
    atom_agreement: float
    probability_at_atoms: float
    detections: int
    fog: float


def active_figures(maps: Maps, atoms: AtomTable, threshold: float) -> list[MemberFigures]:
    """The figures of every member that took part in a result, each compared with the mean of the others.

    Args:
        maps: float32 [member, class, row, column], every active member's.
        atoms: the result's.
        threshold: probability that a pixel of an atom exceeds.
    """
    if len(maps) == 1:
        return [figures_of(maps[0], None, atoms, threshold)]
    total = maps.sum(axis=0)
    count = np.float32(len(maps) - 1)
    return [figures_of(own, (total - own) / count, atoms, threshold) for own in maps]


def figures_of(own: Maps, others: Maps | None, atoms: AtomTable, threshold: float) -> MemberFigures:
    """The figures of one network's maps, float32 [class, row, column]; `others`: what it is compared with, None where it is alone."""
    return MemberFigures(
        pixel_agreement=float("nan") if others is None else pixel_agreement(own, others),
        atom_agreement=float("nan") if others is None else atom_agreement(own, atoms, threshold),
        probability_at_atoms=probability_at_atoms(own, atoms),
        detections=detections(own, threshold),
        fog=fog(own, threshold),
    )
