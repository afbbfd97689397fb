"""Places in a frame where the members' doubt is out of line with the rest of it.

Uncertainty is "a flag for unexpected behaviors" (ELIT paper; in its Fig. 4 the spread is doubled where an impurity hops between two sites
during the scan). What is usual is taken from the frame itself, so that a poor frame is not one large hotspot.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from elitscope.hotspots import HOTSPOT_DTYPE, HOTSPOT_KINDS, HotspotTable
from elitscope.types import AtomTable, Sampling
from elitscope_models.manifest import Manifest

Array = np.ndarray[Any, np.dtype[Any]]

MOST = 32
"""Hotspots of one frame that are told, the strongest."""

MASK_RADIUS = 0.5
"""Å, radius of an atom's disc where a bundle does not say what it was trained with."""

_SPREAD, _SUPPORT, _POSITION, _SHAPE = 0.07, 0.75, 1.5, 0.2
"""Least spread (mean over a disc), support below which an atom is in doubt, least excess of a sigma (times the usual), and least
share by which an area is out of line."""
_EDGE = 1.5
"""Radii from the frame's edge within which nothing is told."""
_FEW = 8
"""Atoms that are too few to say what is usual."""
_OUT = 6.0
"""Robust standard deviations above the median from which a value is out of line."""


def disc_radius(manifest: Manifest, sampling: Sampling | None) -> float:
    """px, of the disc that the members were trained to draw; a frame of unknown sampling was taken as it is."""
    stated = manifest.training.parameters.get("mask_radius")
    angstrom = float(stated) if isinstance(stated, int | float) else MASK_RADIUS
    row, column = sampling or (manifest.sampling, manifest.sampling)
    return angstrom / math.sqrt(row * column)


def hotspots(mean: Array, std: Array | None, atoms: AtomTable, radius: float) -> HotspotTable:
    """The strongest places first, at most `MOST`.

    Args:
        mean: float32 [class, row, column], the ensemble's probabilities.
        std: their spread over the members, the same shape; None with one member.
        atoms: the frame's, as they were read off the maps, before any calibration.
        radius: px, of an atom's disc: what lies closer than two of it is one hotspot.
    """
    found = np.concatenate([_spread(mean, std, radius), _support(atoms), _position(atoms, radius), *_shapes(atoms)])
    found = found[_inside(found, mean.shape[-2:], radius)]
    found = found[np.argsort(-found["strength"], kind="stable")]
    found["radius"] = 2.0 * radius
    return HotspotTable.from_records(_apart(found, 2.0 * radius))


def _records(kind: str, rows: Array, columns: Array, strength: Array) -> Array:
    found = np.zeros(len(rows), HOTSPOT_DTYPE)
    found["row"], found["column"], found["strength"], found["kind"] = rows, columns, strength, HOTSPOT_KINDS.index(kind)
    return found


def _inside(found: Array, shape: tuple[int, ...], radius: float) -> Array:
    """Not at the frame's edge, where atoms are cut and members part over every other one."""
    edge = _EDGE * radius
    return np.asarray(
        (found["row"] >= edge)
        & (found["row"] <= shape[0] - 1 - edge)
        & (found["column"] >= edge)
        & (found["column"] <= shape[1] - 1 - edge)
    )


def _apart(found: Array, distance: float) -> Array:
    """The first of those that lie together, `MOST` of them."""
    rows, columns = found["row"].astype(float), found["column"].astype(float)
    left = np.arange(len(found))
    kept: list[int] = []
    while len(left) and len(kept) < MOST:
        first = left[0]
        kept.append(int(first))
        left = left[np.hypot(rows[left] - rows[first], columns[left] - columns[first]) > distance]
    return found[kept]


def _spread(mean: Array, std: Array | None, radius: float) -> Array:
    """Where a disc holds far more spread than discs around atoms usually do."""
    none = np.zeros(0, HOTSPOT_DTYPE)
    if std is None:
        return none
    size = 2 * max(1, round(0.7 * radius)) + 1
    local = np.asarray(cv2.blur(np.nan_to_num(std).sum(axis=0), (size, size)))
    seen = local[mean.sum(axis=0) > 0.5]
    if not len(seen):
        return none
    bound = max(_SPREAD, _out_of_line(seen[:: max(1, len(seen) // 4096)]))
    widest = cv2.dilate(local, np.ones((size, size), np.uint8))
    rows, columns = np.nonzero((local > bound) & (local >= widest))
    return _records("spread", rows, columns, local[rows, columns] / bound)


def _support(atoms: AtomTable) -> Array:
    if not len(atoms):
        return np.zeros(0, HOTSPOT_DTYPE)
    support = np.asarray(atoms["support"], float)
    low = support < min(_SUPPORT, float(np.median(support)) - 0.2)
    return _records("support", atoms["row"][low], atoms["column"][low], (1.0 - support[low]) / (1.0 - _SUPPORT))


def _position(atoms: AtomTable, radius: float) -> Array:
    sigma = np.hypot(np.asarray(atoms["sigma_row"], float), np.asarray(atoms["sigma_column"], float))
    known = np.isfinite(sigma)
    if known.sum() < _FEW:
        return np.zeros(0, HOTSPOT_DTYPE)
    bound = max(_out_of_line(sigma[known]), _POSITION * float(np.median(sigma[known])), 0.15 * radius)
    high = known & (sigma > bound)
    return _records("position", atoms["row"][high], atoms["column"][high], sigma[high] / bound)


def _shapes(atoms: AtomTable) -> list[Array]:
    """Atoms whose area is not that of their class."""
    found = []
    for kind in np.unique(atoms["class_id"]).tolist():
        own = atoms[np.asarray(atoms["class_id"]) == kind]
        if len(own) < _FEW:
            continue
        area = np.asarray(own["area"], float)
        usual = float(np.median(area))
        excess = np.abs(area - usual) / max(_out_of_line(area) - usual, _SHAPE * usual)
        out = excess > 1
        found.append(_records("shape", own["row"][out], own["column"][out], excess[out]))
    return found


def _out_of_line(values: Array) -> float:
    middle = float(np.median(values))
    return middle + _OUT * 1.4826 * float(np.median(np.abs(values - middle)))
