"""Atoms that touch: one blob of the map, two or more places where it peaks.

Most blobs are single atoms, and nothing is done for them: only those are looked at that are larger than most, or, where most are no discs,
larger than the disc that fits into them. The map is smoothed by less than an atom's radius, which gives a disc of constant
probability a summit too; a blob with several summits, with a real dip between them, is divided among them by nearness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

from elitscope_models.blobs import Blobs, Ints, Map, group, joined

Flags = np.ndarray[Any, np.dtype[np.bool_]]

_LARGE = 1.3  # times the area of most; two discs that overlap by a whole radius have 1.6 times that of one
_DISC = 1.25  # times the area of the disc inside, coarsely drawn; two that touch have 1.5 even where a radius is 3 px
_SMALLEST = 12  # px; smaller blobs are too coarse for their shape to mean anything
_ENOUGH = 64  # blobs show what an ordinary one looks like
_FEW = 12  # suspects that are looked at one by one
_MARGIN = 16  # px around the suspects that smoothing may look at
_SMOOTHING = 0.4  # of an atom's radius
_WINDOW = 0.6  # of an atom's radius: only the highest pixel within it is a summit
_DIP = 0.03  # of the lower summit, between two that are both atoms
_SAMPLES = 17  # along the line between them
_NEIGHBOURHOOD = 4.0  # radii: summits farther apart are not compared
# The tree splits just above a coordinate. Just above 0 is a denormal number, and in a process that flushes those to zero (torch can be told
# to) it would split for ever.
_OFF_ZERO = 1.0


def split_touching(mean: Map, blobs: Blobs) -> Blobs:
    """Blobs with those that hold several atoms divided; `blobs` itself where there are none.

    Args:
        mean: the map that they were found on, [row, column].
        blobs: its connected regions.
    """
    suspects, radius = _suspects(blobs)
    if not suspects.any():
        return blobs
    which = np.flatnonzero(suspects)
    parts = which[:, None] if len(which) <= _FEW else which[None]  # a few small scenes, or one large one
    found = [_summits(_scene(mean, blobs, part), radius) for part in parts]
    summits, owners = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    crowded = np.bincount(owners, minlength=len(blobs)) > 1
    if not crowded.any():
        return blobs
    return _divide(blobs, crowded, summits[crowded[owners]], owners[crowded[owners]])


@dataclass(frozen=True)
class _Scene:
    """The part of the map around some suspects. `owner`: the suspect that a pixel belongs to, -1 for none."""

    corner: tuple[int, int]
    mean: Map
    owner: np.ndarray[Any, np.dtype[np.int32]]


def _suspects(blobs: Blobs) -> tuple[Flags, float]:
    """Blobs that may hold several atoms, and the radius of one atom in px."""
    areas = blobs.areas[:_ENOUGH][blobs.areas[:_ENOUGH] >= _SMALLEST]
    if areas.size and np.median(_fullness(blobs.first(_ENOUGH))) < _DISC:  # most blobs are single atoms: nothing more to measure
        return np.asarray(blobs.areas > max(_LARGE * np.median(areas), _SMALLEST)), float(np.sqrt(np.median(areas) / np.pi))
    radii = _inner_radii(blobs)
    sizeable = blobs.areas >= _SMALLEST
    suspects = sizeable & (blobs.areas > _DISC * np.pi * radii**2)
    single = sizeable & ~suspects
    enough = np.count_nonzero(single) >= max(3, int(np.count_nonzero(suspects)) // 4)
    known = radii[single if enough else suspects]
    return np.asarray(suspects), float(np.median(known)) - 0.5 if known.size else 1.0


def _fullness(blobs: Blobs) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Area of each sizeable blob over that of the disc inside: about 1 for a disc."""
    return np.asarray((blobs.areas / (np.pi * _inner_radii(blobs) ** 2))[blobs.areas >= _SMALLEST])


def _inner_radii(blobs: Blobs) -> np.ndarray[Any, np.dtype[np.float32]]:
    """px, from the innermost pixel of each blob to the nearest one outside."""
    mask = np.zeros((blobs.shape[0] + 2, blobs.shape[1] + 2), np.uint8)  # the frame's edge ends a blob too
    framed = blobs.pixels + 2 * blobs.rows + (blobs.shape[1] + 3)
    mask.ravel()[framed] = 1
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return np.asarray(blobs.largest(np.take(depth.ravel(), framed)))


def _scene(mean: Map, blobs: Blobs, which: Ints) -> _Scene:
    entries = blobs.entries(which)
    rows, columns = blobs.rows[entries], blobs.columns[entries]
    top = max(0, int(rows.min()) - _MARGIN)
    left = max(0, int(columns.min()) - _MARGIN)
    crop = mean[top : int(rows.max()) + 1 + _MARGIN, left : int(columns.max()) + 1 + _MARGIN]
    owner = np.full(crop.shape, -1, np.int32)
    owner[rows - top, columns - left] = np.repeat(which, blobs.areas[which])
    return _Scene((top, left), np.ascontiguousarray(crop), owner)


def _summits(scene: _Scene, radius: float) -> tuple[Ints, Ints]:
    """Places that are atoms, (row, column) on the map, [summit, 2], and the suspect that each belongs to."""
    smooth = np.asarray(cv2.GaussianBlur(scene.mean, (0, 0), max(_SMOOTHING * radius, 0.7)))
    reach = max(1, round(_WINDOW * radius))
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    found: Ints = np.argwhere((smooth >= cv2.dilate(smooth, window)) & (scene.owner >= 0))
    heights = smooth[found[:, 0], found[:, 1]]
    descending = np.argsort(-heights, kind="stable")
    found, heights = found[descending], heights[descending]
    owners = scene.owner[found[:, 0], found[:, 1]].astype(np.intp)
    pairs = _neighbours(found, owners, _NEIGHBOURHOOD * radius)
    shallow = _lowest_between(smooth, found[pairs[:, 0]], found[pairs[:, 1]]) > (1 - _DIP) * heights[pairs[:, 1]]
    kept = np.ones(len(found), np.bool_)
    kept[pairs[shallow, 1]] = False
    return np.asarray(found[kept] + scene.corner), np.asarray(owners[kept])


def _neighbours(places: Ints, owners: Ints, reach: float) -> Ints:
    """Pairs of places within `reach` in the same blob, [pair, 2], the lower index first."""
    pairs = np.asarray(_tree(places).query_pairs(reach, output_type="ndarray"), np.intp)
    pairs.sort(axis=1)
    return np.asarray(pairs[owners[pairs[:, 0]] == owners[pairs[:, 1]]])


def _lowest_between(smooth: Map, start: Ints, stop: Ints) -> Map:
    """The lowest value on the straight line between each pair of places."""
    along = np.linspace(0, 1, _SAMPLES)[:, None, None]
    points = np.rint(start + along * (stop - start)).astype(np.intp)
    return np.asarray(smooth[points[..., 0], points[..., 1]].min(axis=0))


def _divide(blobs: Blobs, crowded: Flags, summits: Ints, owners: Ints) -> Blobs:
    """Every pixel of a crowded blob goes to the nearest summit of that same blob."""
    apart = 4 * sum(blobs.shape)  # a third coordinate that keeps blobs out of one another's reach
    tree = _tree(np.column_stack([summits, owners * apart]))
    torn = blobs.entries(np.flatnonzero(crowded))
    torn = torn[np.argsort(blobs.pixels[torn])]
    points = np.column_stack([blobs.rows[torn], blobs.columns[torn], blobs.labels[torn] * apart])
    parts = group(blobs.pixels[torn], tree.query(points + _OFF_ZERO)[1], blobs.shape)
    return joined(blobs.select(np.flatnonzero(~crowded)), parts)


def _tree(places: Ints) -> Any:
    """A tree over `places`, shifted by `_OFF_ZERO`."""
    return cKDTree(places + _OFF_ZERO)
