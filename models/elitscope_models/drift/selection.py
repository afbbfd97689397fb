"""What any selection of members would have answered, from maps that are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.types import AtomTable, Sampling
from elitscope_models.atoms import THRESHOLD, atom_steps
from elitscope_models.manifest import AtomKind
from elitscope_models.resample import Grid
from elitscope_models.spread import mean_and_std
from elitscope_models.steps import finish

Maps = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Answer:
    """`mean`, `std`: float32 [class, row, column], `std` None for one member; `maps`: [member, class, row, column], the chosen ones'."""

    mean: Maps
    std: Maps | None
    maps: Maps
    atoms: AtomTable


def answer(maps: np.ndarray[Any, Any], chosen: Sequence[int], sampling: Sampling, kind: AtomKind = "weighted") -> Answer:
    """Mean, spread and atoms of some members.

    Args:
        maps: [member, class, row, column], on the frame's grid.
        chosen: which, as indices of `maps`.
        sampling: Å/px, (row, column).
        kind: of atoms.
    """
    own = np.ascontiguousarray(maps[list(chosen)], np.float32)
    mean = np.empty(own.shape[1:], np.float32)
    std = np.empty_like(mean) if len(own) > 1 else None
    mean_and_std(own, mean, std)
    rows, columns = maps.shape[-2:]
    shape = (int(rows), int(columns))
    return Answer(mean, std, own, finish(atom_steps(mean, own, Grid(shape, shape), sampling, THRESHOLD, kind)))
