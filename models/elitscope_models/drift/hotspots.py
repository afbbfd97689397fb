"""Places in a frame where the members' doubt is out of line with the rest of it.

Uncertainty is "a flag for unexpected behaviors" (ELIT paper; in its Fig. 4 the spread is doubled where an impurity hops between two sites
during the scan). What is usual is taken from the frame itself, so that a poor frame is not one large hotspot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from elitscope.types import AtomTable

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["spread", "support", "position", "shape"]

MOST = 32
"""Hotspots of one frame that are told, the strongest."""

_SPREAD, _SUPPORT, _POSITION, _SHAPE = 0.07, 0.75, 1.5, 0.2
"""Least spread (mean over a disc), support below which an atom is in doubt, least excess of a sigma (times the usual), and least
share by which an area is out of line."""
_EDGE = 1.5
"""Radii from the frame's edge within which nothing is told."""
_FEW = 8
"""Atoms that are too few to say what is usual."""
_OUT = 6.0
"""Robust standard deviations above the median from which a value is out of line."""


@dataclass(frozen=True)
class Hotspot:
    """One place, px of the frame. `strength`: by how many times what is out of line there exceeds its bound, 1 and up.

    `kind`: `spread`, the members' probabilities differ; `support`, some members see an atom and others none; `position`, they differ about
    where it is; `shape`, they agree on an atom that is cut, or larger than the others of its class.
    """

    row: float
    column: float
    radius: float
    kind: Kind
    strength: float


def hotspots(mean: Array | None, std: Array | None, atoms: AtomTable | None, radius: float = 5.0) -> tuple[Hotspot, ...]:
    """The strongest places first, at most `MOST`.

    Args:
        mean: float32 [class, row, column], the ensemble's probabilities; None where unknown.
        std: their spread over the members, the same shape; None with one member.
        atoms: the frame's.
        radius: px, of an atom's disc: what lies closer than two of it is one hotspot.
    """
    found = [*_spread(mean, std, radius), *_atoms(atoms, radius)]
    if mean is not None:
        found = [spot for spot in found if _inside(spot, mean.shape[-2:], radius)]
    found.sort(key=lambda spot: -spot.strength)
    kept: list[Hotspot] = []
    for spot in found:
        if all(np.hypot(spot.row - other.row, spot.column - other.column) > 2.0 * radius for other in kept):
            kept.append(spot)
        if len(kept) == MOST:
            break
    return tuple(kept)


def _inside(spot: Hotspot, shape: tuple[int, ...], radius: float) -> bool:
    """Not at the frame's edge, where atoms are cut and members part over every other one."""
    edge = _EDGE * radius
    return edge <= spot.row <= shape[0] - 1 - edge and edge <= spot.column <= shape[1] - 1 - edge


def _spread(mean: Array | None, std: Array | None, radius: float) -> list[Hotspot]:
    """Where a disc holds far more spread than discs around atoms usually do."""
    if mean is None or std is None:
        return []
    size = 2 * max(1, round(0.7 * radius)) + 1
    local = np.asarray(cv2.blur(np.nan_to_num(std).sum(axis=0), (size, size)))
    seen = local[mean.sum(axis=0) > 0.5]
    if not len(seen):
        return []
    bound = max(_SPREAD, _out_of_line(seen[:: max(1, len(seen) // 4096)]))
    widest = cv2.dilate(local, np.ones((size, size), np.uint8))
    rows, columns = np.nonzero((local > bound) & (local >= widest))
    return [
        Hotspot(float(row), float(column), float(2.0 * radius), "spread", float(local[row, column] / bound))
        for row, column in zip(rows, columns, strict=True)
    ]


def _atoms(atoms: AtomTable | None, radius: float) -> list[Hotspot]:
    if atoms is None or not len(atoms):
        return []
    support = np.asarray(atoms["support"], float)
    usual = float(np.median(support))
    low = support < min(_SUPPORT, usual - 0.2)
    spots = [_at(atoms, index, radius, "support", (1.0 - support[index]) / (1.0 - _SUPPORT)) for index in np.flatnonzero(low).tolist()]
    sigma = np.hypot(np.asarray(atoms["sigma_row"], float), np.asarray(atoms["sigma_column"], float))
    known = np.isfinite(sigma)
    if known.sum() >= _FEW:
        bound = max(_out_of_line(sigma[known]), _POSITION * float(np.median(sigma[known])), 0.15 * radius)
        spots += [_at(atoms, index, radius, "position", sigma[index] / bound) for index in np.flatnonzero(known & (sigma > bound)).tolist()]
    return [*spots, *_shapes(atoms, radius)]


def _shapes(atoms: AtomTable, radius: float) -> list[Hotspot]:
    """Atoms whose area is not that of their class."""
    spots = []
    for kind in np.unique(atoms["class_id"]).tolist():
        own = np.flatnonzero(np.asarray(atoms["class_id"]) == kind)
        if len(own) < _FEW:
            continue
        area = np.asarray(atoms["area"], float)[own]
        usual = float(np.median(area))
        bound = max(_out_of_line(area) - usual, _SHAPE * usual)
        excess = np.abs(area - usual) / bound
        spots += [
            _at(atoms, index, radius, "shape", ratio) for index, ratio in zip(own.tolist(), excess.tolist(), strict=True) if ratio > 1
        ]
    return spots


def _at(atoms: AtomTable, index: int, radius: float, kind: Kind, strength: float) -> Hotspot:
    return Hotspot(float(atoms["row"][index]), float(atoms["column"][index]), float(2.0 * radius), kind, float(strength))


def _out_of_line(values: Array) -> float:
    middle = float(np.median(values))
    return middle + _OUT * 1.4826 * float(np.median(np.abs(values - middle)))
