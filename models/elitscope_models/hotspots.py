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
from elitscope_models.robust import median, median_and_sigma
from elitscope_models.steps import Steps
from elitscope_models.surroundings import oddness

Array = np.ndarray[Any, np.dtype[Any]]

MOST = 32
"""Hotspots of one frame that are told, the strongest."""

_SPREAD, _SUPPORT, _POSITION, _CUT, _LARGER = 0.07, 0.75, 1.5, 0.1, 0.2
"""Least spread (mean over a disc), support below which an atom is in doubt, least excess of a sigma (times the usual), and least
shares by which an area is out of line."""
_OUT, _OUT_CUT = 6.0, 3.5
"""Robust standard deviations from the median from which a value is out of line; areas below the usual one have short tails."""
_SUSPECT, _ODD_CUT = 0.05, 0.5
"""Share of its bound from which an area is suspect if the surroundings are odd, and how much these count where the atom is smaller."""
_EDGE = 1.5
"""Radii from the frame's edge within which nothing is told."""
_FEW = 8
"""Atoms that are too few to say what is usual."""
_LARGE = 1 << 21
"""px of spread that are read in one go: above it, the search stops between its parts, so that other streams need not wait for it all."""
_MOST_SEEN = 4096
"""Places that are compared with each other, the strongest: where there are more, the whole frame is in doubt."""


def disc_radius(manifest: Manifest, sampling: Sampling | None) -> float:
    """px, half of one at least, of the disc that the members were trained to draw; a frame of unknown sampling was taken as it is."""
    row, column = sampling or (manifest.sampling, manifest.sampling)
    return max(0.5, manifest.training.mask_radius / math.sqrt(row * column))


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
    found = np.concatenate([doubt, _support(records), _position(records, radius), _shapes(records, shape)], axis=1)
    found = found[:, _inside(found[0], found[1], shape, radius)]
    found = found[:, np.argsort(-found[2], kind="stable")[:_MOST_SEEN]]
    found = found[:, far_apart(np.ascontiguousarray(found[:2].T), 2.0 * radius, MOST)]
    table = np.empty(found.shape[1], HOTSPOT_DTYPE)
    table["row"], table["column"], table["strength"], table["kind"] = found
    table["radius"] = 2.0 * radius
    return HotspotTable.from_records(table)


def _none() -> Array:
    return np.empty((4, 0))


def _told(kind: str, rows: Array, columns: Array, strength: Array) -> Array:
    """float64 [4, place]: row, column, strength, number of the kind."""
    return np.stack([rows, columns, strength, np.full(len(rows), float(HOTSPOT_KINDS.index(kind)))])


def _inside(rows: Array, columns: Array, shape: tuple[int, int], radius: float) -> Array:
    """Not at the frame's edge, where atoms are cut and members part over every other one."""
    least = _EDGE * radius
    return np.asarray((rows >= least) & (rows <= shape[0] - 1 - least) & (columns >= least) & (columns <= shape[1] - 1 - least))


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
    return _told("spread", rows * block + middle, columns * block + middle, local[rows, columns] / bound)


def _at_atoms(local: Array, atoms: Array, block: int) -> Array:
    """Values of a map of blocks at the atoms; where those are too few, all of it."""
    if len(atoms) < _FEW:
        return local.ravel()
    rows, columns = ((atoms[axis] * (1.0 / block)).astype(np.int64) for axis in ("row", "column"))
    return np.asarray(local[np.minimum(rows, local.shape[0] - 1), np.minimum(columns, local.shape[1] - 1)])


def _support(atoms: Array) -> Array:
    """Atoms that only some members see, where most are seen by more of them."""
    support = atoms["support"].astype(float)
    if not len(support) or support.min() >= _SUPPORT:
        return _none()
    low = support < min(_SUPPORT, median(support) - 0.2)
    return _told("support", atoms["row"][low], atoms["column"][low], (1.0 - support[low]) / (1.0 - _SUPPORT))


def _position(atoms: Array, radius: float) -> Array:
    """Atoms about whose place the members differ more than usual."""
    sigma = np.hypot(atoms["sigma_row"].astype(float), atoms["sigma_column"].astype(float))
    known = sigma[np.isfinite(sigma)]
    if len(known) < _FEW or known.max() <= 0.15 * radius:
        return _none()
    bound = max(_out_of_line(known), _POSITION * median(known), 0.15 * radius)
    high = sigma > bound  # not where it is NaN
    return _told("position", atoms["row"][high], atoms["column"][high], sigma[high] / bound)


def _shapes(atoms: Array, shape: tuple[int, int]) -> Array:
    """Atoms whose area is not that of their class, the sooner the odder their surroundings are.

    An atom that is cut stands out by itself. One that is larger may be an impurity, which is none of our business unless it is far larger;
    in a lattice that is disturbed there, it is more likely two atoms in one.
    """
    classes, all_areas = atoms["class_id"], atoms["area"].astype(float)
    excess, weight = np.zeros(len(atoms)), np.ones(len(atoms))
    for kind in range(int(classes.max()) + 1 if len(classes) else 0):
        own = np.flatnonzero(classes == kind)
        if len(own) < _FEW:
            continue
        area = all_areas[own]
        usual, sigma = median_and_sigma(area)
        cut, large = max(_OUT_CUT * sigma, _CUT * usual), max(_OUT * sigma, _LARGER * usual)
        smaller = area < usual
        excess[own] = np.where(smaller, (usual - area) / cut, (area - usual) / large)
        weight[own[smaller]] = _ODD_CUT
    asked = np.flatnonzero(excess > _SUSPECT)
    places = np.stack([atoms["row"], atoms["column"]], axis=1).astype(np.float64)
    strength = excess[asked] + weight[asked] * oddness(places, asked, shape)
    high = strength > 1
    rows, columns = places[asked[high]].T
    return _told("shape", rows, columns, strength[high])


def _out_of_line(values: Array) -> float:
    middle, sigma = median_and_sigma(values)
    return middle + _OUT * sigma
