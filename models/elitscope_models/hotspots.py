"""Places in a frame where the members' doubt is out of line with the rest of it.

Uncertainty is "a flag for unexpected behaviors" (ELIT paper; in its Fig. 4 the spread is doubled where an impurity hops between two sites
during the scan). What is usual is taken from the frame itself, so that a poor frame is not one large hotspot. Spread is looked at in blocks
of pixels, everything else atom by atom: the frame waits for this.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from elitscope.hotspots import HOTSPOT_DTYPE, HOTSPOT_KINDS, HotspotTable
from elitscope.types import AtomTable, Sampling
from elitscope_models.kernels.apart import far_apart
from elitscope_models.kernels.blocks import add_blocks
from elitscope_models.manifest import Manifest
from elitscope_models.steps import Steps

Array = np.ndarray[Any, np.dtype[Any]]

MOST = 32
"""Hotspots of one frame that are told, the strongest."""

MASK_RADIUS = 0.5
"""Å, radius of an atom's disc where a bundle does not say what it was trained with."""

_SPREAD, _SUPPORT, _POSITION, _SHAPE = 0.07, 0.75, 1.5, 0.1
"""Least spread (mean over a disc), support below which an atom is in doubt, least excess of a sigma (times the usual), and least
share by which an area is out of line."""
_OUT, _OUT_SHAPE = 6.0, 3.5
"""Robust standard deviations above the median from which a value is out of line; areas differ by little, and their tails are short."""
_EDGE = 1.5
"""Radii from the frame's edge within which nothing is told."""
_FEW = 8
"""Atoms that are too few to say what is usual."""
_LARGE = 1 << 21
"""px of spread that are read in one go: above it, the search stops between its parts, so that other streams need not wait for it all."""
_MOST_SEEN = 4096
"""Places that are compared with each other, the strongest: where there are more, the whole frame is in doubt."""


def disc_radius(manifest: Manifest, sampling: Sampling | None) -> float:
    """px, of the disc that the members were trained to draw; a frame of unknown sampling was taken as it is."""
    stated = manifest.training.parameters.get("mask_radius")
    angstrom = float(stated) if isinstance(stated, int | float) else MASK_RADIUS
    row, column = sampling or (manifest.sampling, manifest.sampling)
    return angstrom / math.sqrt(row * column)


def hotspot_steps(std: Array | None, atoms: AtomTable, shape: tuple[int, int], radius: float) -> Steps[HotspotTable]:
    """The strongest places first, at most `MOST`; stops now and then where the frame is large.

    Args:
        std: float32 [class, row, column], the probabilities' spread over the members; None with one member.
        atoms: the frame's, as they were read off the maps, before any calibration.
        shape: of the frame, (rows, columns).
        radius: px, of an atom's disc: what lies closer than two of it is one hotspot.
    """
    records = atoms.view(np.ndarray)
    doubt = _none() if std is None else (yield from _spread(std, records, radius))
    found = np.concatenate([doubt, _support(records), _position(records, radius), *_shapes(records)])
    found["radius"] = 2.0 * radius
    if len(found):
        found = found[_inside(found, shape, radius)]
        found = _apart(found[np.argsort(-found["strength"], kind="stable")[:_MOST_SEEN]], 2.0 * radius)
    return HotspotTable.from_records(found)


def _none() -> Array:
    return np.zeros(0, HOTSPOT_DTYPE)


def _records(kind: str, rows: Array, columns: Array, strength: Array) -> Array:
    found = np.zeros(len(rows), HOTSPOT_DTYPE)
    found["row"], found["column"], found["strength"], found["kind"] = rows, columns, strength, HOTSPOT_KINDS.index(kind)
    return found


def _inside(found: Array, shape: tuple[int, int], radius: float) -> Array:
    """Not at the frame's edge, where atoms are cut and members part over every other one."""
    least, rows, columns = _EDGE * radius, found["row"], found["column"]
    within = (rows >= least) & (rows <= shape[0] - 1 - least) & (columns >= least) & (columns <= shape[1] - 1 - least)
    return np.asarray(within)


def _apart(found: Array, distance: float) -> Array:
    """The first of those that lie together, `MOST` of them."""
    places = np.stack([found["row"], found["column"]], axis=1).astype(np.float64)
    return np.asarray(found[far_apart(places, distance, MOST)])


def _spread(std: Array, atoms: Array, radius: float) -> Steps[Array]:
    """Where a disc holds far more spread than discs around atoms usually do: three by three blocks, so wide that most of a disc fits in."""
    block = max(1, round((1.4 * radius + 1.0) / 3.0))
    sums = np.empty((std.shape[1] // block, std.shape[2] // block), np.float32)
    if min(sums.shape) < 1:
        return _none()
    band = max(1, _LARGE // (block * std.shape[0] * std.shape[2]))
    for first in range(0, len(sums), band):
        add_blocks(std, block, first, sums[first : first + band])
        if len(sums) > band:
            yield
    local = np.asarray(cv2.blur(sums, (3, 3)))
    local *= np.float32(1.0 / block**2)
    bound = max(_SPREAD, _out_of_line(_at_atoms(local, atoms, block)))
    high = local > bound
    if not high.any():
        return _none()
    rows, columns = np.nonzero(high & (local >= cv2.dilate(local, np.ones((3, 3), np.uint8))))
    middle = 0.5 * (block - 1)
    return _records("spread", rows * block + middle, columns * block + middle, local[rows, columns] / bound)


def _at_atoms(local: Array, atoms: Array, block: int) -> Array:
    """Values of a map of blocks at the atoms; where those are too few, all of it."""
    if len(atoms) < _FEW:
        return local.ravel()
    rows = (atoms["row"] * (1.0 / block)).astype(int).clip(0, local.shape[0] - 1)
    columns = (atoms["column"] * (1.0 / block)).astype(int).clip(0, local.shape[1] - 1)
    return np.asarray(local[rows, columns])


def _support(atoms: Array) -> Array:
    """Atoms that only some members see, where most are seen by more of them."""
    support = atoms["support"].astype(float)
    if not len(support) or support.min() >= _SUPPORT:
        return _none()
    low = support < min(_SUPPORT, _median(support) - 0.2)
    return _records("support", atoms["row"][low], atoms["column"][low], (1.0 - support[low]) / (1.0 - _SUPPORT))


def _position(atoms: Array, radius: float) -> Array:
    """Atoms about whose place the members differ more than usual."""
    sigma = np.hypot(atoms["sigma_row"].astype(float), atoms["sigma_column"].astype(float))
    known = sigma[np.isfinite(sigma)]
    if len(known) < _FEW or known.max() <= 0.15 * radius:
        return _none()
    bound = max(_out_of_line(known), _POSITION * _median(known), 0.15 * radius)
    high = sigma > bound  # not where it is NaN
    return _records("position", atoms["row"][high], atoms["column"][high], sigma[high] / bound)


def _shapes(atoms: Array) -> list[Array]:
    """Atoms whose area is not that of their class."""
    found, classes = [], atoms["class_id"]
    for kind in range(int(classes.max()) + 1 if len(classes) else 0):
        own = np.flatnonzero(classes == kind)
        if len(own) < _FEW:
            continue
        area = atoms["area"].astype(float)[own]
        usual = _median(area)
        excess = np.abs(area - usual) / max(_out_of_line(area, _OUT_SHAPE) - usual, _SHAPE * usual)
        high = excess > 1
        out = own[high]
        found.append(_records("shape", atoms["row"][out], atoms["column"][out], excess[high]))
    return found


def _out_of_line(values: Array, deviations: float = _OUT) -> float:
    middle = _median(values)
    return middle + deviations * 1.4826 * _median(np.abs(values - middle))


def _median(values: Array) -> float:
    """The upper one, where there are two in the middle: NumPy's own takes three times as long."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])
