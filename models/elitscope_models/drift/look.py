"""One frame as drift sees it: every signal of `SIGNALS`, hotspots, and the places that recommendations are made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.types import Result
from elitscope_models.atoms import THRESHOLD
from elitscope_models.drift.blob_shape import blob_size, odd_blobs
from elitscope_models.drift.evidence import evidence
from elitscope_models.drift.halving import halved, roomy
from elitscope_models.drift.image_signals import Seen, image_signals, prepare_image
from elitscope_models.drift.members import OwnBlobs, atom_maps, own_blobs
from elitscope_models.drift.noise import pixel_noise
from elitscope_models.drift.short_pairs import nearest, short_pairs
from elitscope_models.drift.sites import Sites, sites
from elitscope_models.fog import fog
from elitscope_models.hotspots import disc_radius
from elitscope_models.manifest import Manifest
from elitscope_models.pixel_agreement import pixel_agreement

Array = np.ndarray[Any, np.dtype[Any]]

_FAINT = 0.15
"""Height, in those of usual atoms, below which there is nothing to see."""
_DIRTY = 3.0
"""Brightness of the surroundings above the usual, in heights of usual atoms, from which they are dirt."""
_PLAIN, _REGULAR = 0.6, 0.25
"""Least height, and largest deviation of neighbours' distances, of peaks that look like atoms."""


@dataclass(frozen=True)
class Look:
    """The figures of one frame. `members`: ids that took part in its result; `frame`: signal → value; `by_member`: member → signal → value,
    of the active ones and of those others whose maps were at hand; NaN where one can't be computed. `rate`: atoms found per nm² (NaN where
    the sampling is unknown)."""

    frame_id: int
    ensemble: str
    members: tuple[int, ...]
    frame: Mapping[str, float]
    by_member: Mapping[int, Mapping[str, float]]
    hotspots: HotspotTable
    rate: float
    sites: Sites | None = field(default=None, repr=False)


def look(pixels: Array | None, result: Result, manifest: Manifest, inactive: Mapping[int, Array] | None = None) -> Look:
    """The figures of one frame; what is missing makes NaN, never an error.

    Args:
        pixels: the frame as it was sent, [row, column], or None.
        result: of its analysis, with mean, std, atoms, hotspots and member maps where they are known.
        manifest: of the ensemble.
        inactive: maps of members that took no part, float32 [class, row, column] on the frame's grid, by id.
    """
    radius = disc_radius(manifest, result.sampling)
    seen = None if pixels is None else prepare_image(pixels)
    known, maps = _maps(result, inactive or {})
    frame = {**_frame_signals(result), **image_signals(seen, result.sampling, radius, manifest)}
    places: Sites | None = None
    by_member: dict[int, dict[str, float]] = {}
    if maps is not None:
        places, by_member = _members(maps, known, result.members, seen, radius)
    spots = HotspotTable.from_records(np.zeros(0, HOTSPOT_DTYPE)) if result.hotspots is None else result.hotspots
    return Look(result.frame_id, result.ensemble, result.members, frame, by_member, spots, frame["atoms"], places)


def _maps(result: Result, inactive: Mapping[int, Array]) -> tuple[tuple[int, ...], Array | None]:
    """Ids and maps [member, class, row, column] of all members that are known, the active ones first."""
    if result.member_maps is None:
        return (), None
    others = {member: own for member, own in inactive.items() if member not in result.members and own.shape == result.member_maps.shape[1:]}
    if not others:
        return result.members, result.member_maps
    return (*result.members, *others), np.concatenate([result.member_maps, np.stack(list(others.values()))])


def _frame_signals(result: Result) -> dict[str, float]:
    values = dict.fromkeys(("spread", "support", "atoms"), math.nan)
    atoms = result.atoms
    if atoms is None:
        return values
    support = np.asarray(atoms["support"])
    if len(atoms):
        values["support"] = float(support.mean())
    maps = result.mean if result.mean is not None else result.member_maps
    if maps is not None and result.sampling is not None:
        rows, columns = maps.shape[-2:]
        values["atoms"] = 100.0 * len(atoms) / (rows * columns * result.sampling[0] * result.sampling[1])
    if len(atoms) and result.std is not None:
        rows, columns = (np.rint(np.asarray(atoms[axis])).astype(int) for axis in ("row", "column"))
        doubt = result.std[np.asarray(atoms["class_id"]), rows.clip(0, result.std.shape[1] - 1), columns.clip(0, result.std.shape[2] - 1)]
        values["spread"] = float(doubt.mean())
    return values


def _members(
    maps: Array, known: tuple[int, ...], active: tuple[int, ...], seen: Seen | None, radius: float
) -> tuple[Sites, dict[int, dict[str, float]]]:
    """Places that anyone takes for atoms, and every known member's signals."""
    image = None if seen is None else seen.image
    if roomy(radius, maps.shape[2:]):
        maps, radius = np.stack([[halved(own) for own in member] for member in maps]), radius / 2.0
        image = None if image is None else halved(image)
    witness = None if image is None else evidence(image, radius, pixel_noise(image))
    places = sites(atom_maps(maps), known, witness, radius, THRESHOLD)
    return places, _by_member(maps, known, active, places, radius)


def _by_member(maps: Array, known: tuple[int, ...], active: tuple[int, ...], places: Sites, radius: float) -> dict[int, dict[str, float]]:
    """The signals of every known member."""
    blobs = [own_blobs(own, THRESHOLD) for own in atom_maps(maps)]
    usual = float(np.median([len(own.places) for own in blobs]))
    apart = [nearest(own) for own in places.doubled.own]
    spacing = _spacing(apart)
    alone = np.eye(len(known), dtype=bool)
    expected, seen = places.expected_f1(alone), places.found(alone)
    total = maps[: len(active)].sum(axis=0)
    found = {}
    for index, member in enumerate(known):
        others = _others(maps, total, index, len(active))
        found[member] = {
            "pixel_agreement": math.nan if others is None else pixel_agreement(maps[index], others),
            "atom_f1": _atom_f1(seen, index, len(active)),
            "found_ratio": len(blobs[index].places) / usual if usual else math.nan,
            "fog": fog(maps[index], THRESHOLD),
            **_shape(blobs[index], radius),
            "short_pairs": short_pairs(apart[index], spacing),
            **_on_image(places, seen[:, index]),
            "expected_f1": float(expected[index]),
        }
    return found


def _shape(blobs: OwnBlobs, radius: float) -> dict[str, float]:
    return {"blob_size": blob_size(blobs, radius), "odd_blobs": odd_blobs(blobs, radius)}


def _spacing(apart: list[Array]) -> float:
    """px, the usual distance of neighbours: the median of the members' medians."""
    medians = [float(np.median(own[np.isfinite(own)])) for own in apart if np.isfinite(own).any()]
    return float(np.median(medians)) if medians else math.nan


def _others(maps: Array, total: Array, index: int, active: int) -> Array | None:
    """Mean of the active members' maps without this one's."""
    if index >= active:
        return np.asarray(total / np.float32(active))
    return None if active < 2 else np.asarray((total - maps[index]) / np.float32(active - 1))


def _atom_f1(seen: Array, index: int, active: int) -> float:
    """F1 of a member's places against those that most of the other active members see; NaN where it is alone, or nobody sees any."""
    others = [other for other in range(active) if other != index]
    if not others:
        return math.nan
    most = seen[:, others].mean(axis=1) > 0.5
    own = seen[:, index]
    both = own.sum() + most.sum()
    return float(2.0 * (own & most).sum() / both) if both else math.nan


def _on_image(places: Sites, own: Array) -> dict[str, float]:
    """What the image says about a member's places, and of those that it leaves out."""
    values = dict.fromkeys(("unlit", "on_dirt", "unseen_peaks"), math.nan)
    if not len(places.peak) or not np.isfinite(places.peak).any():
        return values
    if own.any():
        values["unlit"] = float((places.peak[own] < _FAINT).mean())
        values["on_dirt"] = float((places.dirt[own] > _DIRTY).mean())
    plain = (places.peak > _PLAIN) & (places.odd < _REGULAR) & (places.dirt < _DIRTY)
    if plain.any():
        values["unseen_peaks"] = float((~own[plain]).mean())
    return values
