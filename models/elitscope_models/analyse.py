"""The numbers of one frame, start to end: what the server answers and what `elitscope-models predict` writes come from here alone.

    prepare → for every tile, every active member: forward pass → mean, std → atoms
            ↘ or, small frames: all members, mean, std in one call ─────────↗

`analyse_steps` stops after every stage and every pass, so that whoever drives it can serve other streams in between; nothing that it
computes depends on when, or whether, it is resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.hotspots import HotspotTable
from elitscope.types import AtomTable, Sampling, SamplingLike, as_sampling
from elitscope_models.atoms import THRESHOLD, atom_steps
from elitscope_models.calibrated import calibrated
from elitscope_models.ensemble import Ensemble
from elitscope_models.fog import fog_warnings
from elitscope_models.fusion import run_whole
from elitscope_models.hotspots import disc_radius, hotspot_steps
from elitscope_models.manifest import Manifest
from elitscope_models.preprocess import Prepared, prepare
from elitscope_models.runtime import Whole
from elitscope_models.spread import mean_and_std
from elitscope_models.steps import finish, timed

Maps = np.ndarray[Any, np.dtype[np.float32]]
Clock = Callable[[], float]

_BAND = 1 << 20
"""Pixels whose mean and spread are computed between two stops."""


@dataclass(frozen=True)
class Analysis:
    """One frame's numbers. Maps are float32 on the frame's grid, probabilities 0–1, background left out.

    `mean`: [class, row, column]; `std`: population standard deviation over `members`, the same shape, None with one member;
    `member_maps`: [member, class, row, column] in the order of `members`, None where they were not asked for. `plan` names what computed
    it. `hotspots` are None where they were not asked for. `atoms_ms` covers all that follows the networks: mean, spread, atoms, hotspots,
    and the way back to the frame's grid.
    """

    mean: Maps
    std: Maps | None
    member_maps: Maps | None
    atoms: AtomTable
    hotspots: HotspotTable | None
    classes: tuple[str, ...]
    members: tuple[int, ...]
    sampling: Sampling | None
    plan: str
    warnings: tuple[str, ...]
    preprocess_ms: float
    inference_ms: float
    atoms_ms: float


def analyse(
    pixels: np.ndarray[Any, Any],
    sampling: SamplingLike,
    ensemble: Ensemble,
    members: Iterable[int] | None = None,
    *,
    keep_members: bool = True,
    find_hotspots: bool = True,
    threshold: float = THRESHOLD,
    clock: Clock = time.perf_counter,
) -> Analysis:
    """`analyse_steps` without stops."""
    return finish(
        analyse_steps(
            pixels,
            sampling,
            ensemble,
            members,
            keep_members=keep_members,
            find_hotspots=find_hotspots,
            threshold=threshold,
            clock=clock,
        )
    )


def analyse_steps(
    pixels: np.ndarray[Any, Any],
    sampling: SamplingLike,
    ensemble: Ensemble,
    members: Iterable[int] | None = None,
    *,
    keep_members: bool = True,
    find_hotspots: bool = True,
    threshold: float = THRESHOLD,
    clock: Clock = time.perf_counter,
) -> Generator[float, None, Analysis]:
    """Analyse a frame step by step; yields the fraction of passes done, returns the `Analysis`.

    Args:
        pixels: the frame, [row, column], any real dtype.
        sampling: Å/px, one number or (row, column), or None where unknown.
        ensemble: what to run.
        members: ids of the active members; None for all.
        keep_members: give the members' own maps too; brings them to the frame's grid, which a frame that was not resampled is on anyway.
        find_hotspots: look for places that are out of line.
        threshold: probability that a pixel of an atom exceeds.
        clock: seconds, monotonic; measures the stages.

    Raises:
        FrameInvalid: the frame can't be analysed.
        MembersInvalid: a ValueError; no member is selected, or one that the ensemble does not have.
    """
    chosen, spacing, manifest = ensemble.choose(members), as_sampling(sampling), ensemble.bundle.manifest
    started = clock()
    prepared = prepare(pixels, spacing, manifest, ensemble.tiling)
    preprocess_ms = (clock() - started) * 1e3
    yield 0.0

    member_maps = np.empty((len(chosen), len(manifest.classes), *prepared.grid.network), np.float32)
    mean = np.empty(member_maps.shape[1:], np.float32)
    std = np.empty_like(mean) if len(chosen) > 1 else None
    whole = ensemble.whole(chosen, prepared.image.shape)
    if whole is not None and std is not None:
        inference_ms, atoms_ms = (yield from _infer_whole(prepared, whole, member_maps, mean, std, clock)), 0.0
    else:
        inference_ms = yield from _infer(prepared, ensemble, chosen, member_maps, clock)
        atoms_ms = yield from _combine(member_maps, mean, std, clock)
        ensemble.saw(chosen, prepared.image, member_maps)

    remarks = ensemble.helper.hand(lambda: (*_warnings(manifest, chosen, mean, member_maps), *fog_warnings(mean, threshold)))
    search = atom_steps(mean, member_maps, prepared.grid, spacing, threshold, manifest.atoms.kind, ensemble.helper)
    atoms, spent = yield from timed(search, clock)
    atoms_ms += spent
    yield 1.0

    started = clock()
    found = atoms
    if manifest.calibration is not None:
        atoms = calibrated(atoms, manifest.calibration, len(chosen), spacing or (manifest.sampling, manifest.sampling))
    warnings = (*prepared.warnings, *remarks.result())
    to_frame = prepared.grid.maps_to_frame
    mean, std = to_frame(mean), None if std is None else to_frame(std)
    kept = to_frame(member_maps) if keep_members else None
    atoms_ms += (clock() - started) * 1e3
    spots = None
    if find_hotspots:
        places = hotspot_steps(std, found, prepared.grid.frame, disc_radius(manifest, spacing))
        spots, spent = yield from timed(places, clock)
        atoms_ms += spent
    return Analysis(
        mean=mean,
        std=std,
        member_maps=kept,
        atoms=atoms,
        hotspots=spots,
        classes=ensemble.classes,
        members=chosen,
        sampling=spacing,
        plan=ensemble.plan(chosen, whole is not None),
        warnings=warnings,
        preprocess_ms=preprocess_ms,
        inference_ms=inference_ms,
        atoms_ms=atoms_ms,
    )


def member_steps(
    pixels: np.ndarray[Any, Any],
    sampling: SamplingLike,
    ensemble: Ensemble,
    members: Iterable[int],
    *,
    clock: Clock = time.perf_counter,
) -> Generator[float, None, Maps]:
    """The maps of these members alone, as `analyse` gives them: float32 [member, class, row, column] on the frame's grid, in the
    manifest's order. Yields and raises as `analyse_steps` does."""
    chosen, manifest = ensemble.choose(members), ensemble.bundle.manifest
    prepared = prepare(pixels, as_sampling(sampling), manifest, ensemble.tiling)
    yield 0.0
    maps = np.empty((len(chosen), len(manifest.classes), *prepared.grid.network), np.float32)
    yield from _infer(prepared, ensemble, chosen, maps, clock)
    return prepared.grid.maps_to_frame(maps)


def _infer(prepared: Prepared, ensemble: Ensemble, members: tuple[int, ...], maps: Maps, clock: Clock) -> Generator[float, None, float]:
    """Fill `maps` tile by tile, member by member; returns the time that the passes took, ms."""
    tiles = ensemble.tiling.tiles((prepared.image.shape[0], prepared.image.shape[1]))
    passes, done, spent = len(tiles) * len(members), 0, 0.0
    for tile in tiles:
        window, kept = np.ascontiguousarray(prepared.image[tile.window_index]), tile.core_index
        for target, member in zip(maps, members, strict=True):
            started = clock()
            core = ensemble.forward(window, member)[:, *tile.core_in_window]
            room = target[:, *kept]  # ends where the padding begins
            room[:] = core[:, : room.shape[1], : room.shape[2]]
            spent += clock() - started
            done += 1
            yield done / passes
    return spent * 1e3


def _infer_whole(prepared: Prepared, whole: Whole, maps: Maps, mean: Maps, std: Maps, clock: Clock) -> Generator[float, None, float]:
    """Fill `maps`, `mean` and `std` in one call; returns the time that it took, ms."""
    started = clock()
    if prepared.image.shape == mean.shape[1:]:
        whole(prepared.image, maps, mean, std)
    else:  # ends where the padding begins
        rows, columns = mean.shape[1:]
        for target, found in zip((maps, mean, std), run_whole(whole, prepared.image, maps.shape[:2]), strict=True):
            target[:] = found[..., :rows, :columns]
    spent = clock() - started
    yield 1.0
    return spent * 1e3


def _combine(maps: Maps, mean: Maps, std: Maps | None, clock: Clock) -> Generator[float, None, float]:
    """Fill `mean` and `std` band by band; returns the time it took, ms."""
    rows, spent = max(1, _BAND // mean.shape[2]), 0.0
    for index in range(len(mean)):
        for top in range(0, mean.shape[1], rows):
            band = (index, slice(top, top + rows))
            started = clock()
            mean_and_std(maps[:, *band], mean[band], None if std is None else std[band])
            spent += clock() - started
            yield 1.0
    return spent * 1e3


def _warnings(manifest: Manifest, members: tuple[int, ...], mean: Maps, maps: Maps) -> tuple[str, ...]:
    """What to make of the spread, and members that gave no numbers."""
    warnings = []
    if len(members) == 1:
        warnings.append("single_member")
    elif manifest.training.domain == "simulation" and not manifest.training.calibrated and manifest.calibration is None:
        warnings.append("spread_uncalibrated")
    if not np.isfinite(mean.sum()):
        broken = [member for member, own in zip(members, maps, strict=True) if not np.isfinite(own.sum())]
        warnings.append(f"members_not_finite: {', '.join(map(str, broken))}")
    return tuple(warnings)
