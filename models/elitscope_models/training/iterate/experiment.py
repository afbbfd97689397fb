"""Frames of an experiment, as an ensemble's networks see them, and what an ensemble makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.files import open_frames
from elitscope.types import AtomTable, Sampling
from elitscope_models.analyse import analyse
from elitscope_models.atoms import THRESHOLD, atom_steps
from elitscope_models.ensemble import Ensemble
from elitscope_models.manifest import AtomKind
from elitscope_models.preprocess import prepare, validate
from elitscope_models.repair import repair
from elitscope_models.resample import Grid, network_grid
from elitscope_models.spread import mean_and_std
from elitscope_models.steps import finish

Array = np.ndarray[Any, np.dtype[Any]]
Maps = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Frame:
    """One frame: `pixels` [row, column], `sampling` Å/px (row, column), None where unknown; `zoom`: its pixels per pixel of the frame as it
    was recorded, (row, column)."""

    name: str
    pixels: Array
    sampling: Sampling | None
    zoom: tuple[float, float] = (1.0, 1.0)

    @property
    def digest(self) -> str:
        """sha256 (hex) of its shape, type and pixels."""
        kind = f"{self.pixels.shape} {self.pixels.dtype.str}".encode()
        return hashlib.sha256(kind + np.ascontiguousarray(self.pixels).tobytes()).hexdigest()


@dataclass(frozen=True)
class Sight:
    """A frame and what some members made of it, on the networks' grid.

    `image`: float32 [row, column], normalised; `mean`: float32 [class, row, column]; `std`: the same, None with one member; `positions`:
    float [atom, 2], px; `support`, `class_ids`: [atom]; `sampling`: Å/px.
    """

    frame: Frame
    image: Maps
    mean: Maps
    std: Maps | None
    positions: Array
    support: Array
    class_ids: Array
    sampling: float
    warnings: tuple[str, ...]

    @property
    def area(self) -> float:
        """Å², of the whole frame."""
        return float(self.image.size) * self.sampling**2


def read_frames(paths: Iterable[Path], sampling: Sampling | None = None) -> Iterator[Frame]:
    """Every frame of every file; `sampling` instead of what the files say.

    Raises:
        FileUnreadable: a file holds no frames.
    """
    for path in paths:
        source = open_frames(path)
        for index, (pixels, info) in enumerate(source):
            name = path.name if len(source) == 1 else f"{path.name} {index}"
            yield Frame(name, pixels, sampling or info.sampling)


def on_grid(frame: Frame, ensemble: Ensemble) -> Frame:
    """The frame on the grid that the networks see it on: itself, unless its sampling is known and is none that they were trained for.

    Raises:
        FrameInvalid: the frame can't be analysed.
    """
    validate(frame.pixels)
    manifest = ensemble.bundle.manifest
    grid = network_grid((frame.pixels.shape[0], frame.pixels.shape[1]), frame.sampling, manifest.sampling, manifest.sampling_range)
    if grid.frame == grid.network:
        return frame
    pixels, _ = repair(frame.pixels)
    native = manifest.sampling
    zoom = (grid.network[0] / grid.frame[0], grid.network[1] / grid.frame[1])
    return replace(frame, pixels=grid.image_to_network(np.asarray(pixels, np.float32)), sampling=(native, native), zoom=zoom)


def look(frame: Frame, ensemble: Ensemble, members: Sequence[int], united: bool = False) -> Sight:
    """What these members, taken together, see in a frame that is on their grid.

    `united`: whatever classes the members know count as one. An atom that some take for this class and others for that is then one atom,
    and the spread says whether it is there.
    """
    manifest = ensemble.bundle.manifest
    united = united and len(manifest.classes) > 1
    found = analyse(frame.pixels, frame.sampling, ensemble, members, keep_members=united)
    mean, std, atoms = found.mean, found.std, found.atoms
    if united:
        assert found.member_maps is not None
        mean, std, atoms = _united(found.member_maps, manifest.atoms.kind)
    rows, columns = frame.pixels.shape
    image = prepare(frame.pixels, frame.sampling, manifest, ensemble.tiling).image[:rows, :columns]
    return Sight(
        frame=frame,
        image=np.ascontiguousarray(image),
        mean=mean,
        std=std,
        positions=atoms.positions(),
        support=np.asarray(atoms["support"]),
        class_ids=np.asarray(atoms["class_id"]),
        sampling=manifest.sampling if frame.sampling is None else float(np.mean(frame.sampling)),
        warnings=found.warnings,
    )


def _united(member_maps: Maps, kind: AtomKind) -> tuple[Maps, Maps | None, AtomTable]:
    """Mean, spread and atoms of "an atom of any class": float32 [member, class, row, column] with its classes added up."""
    maps = np.minimum(member_maps.sum(axis=1, keepdims=True, dtype=np.float32), np.float32(1.0))
    mean = np.empty(maps.shape[1:], np.float32)
    std = np.empty_like(mean) if len(maps) > 1 else None
    mean_and_std(maps, mean, std)
    grid = Grid((mean.shape[1], mean.shape[2]), (mean.shape[1], mean.shape[2]))
    atoms: AtomTable = finish(atom_steps(mean, maps, grid, None, THRESHOLD, kind))
    return mean, std, atoms
