"""Frames of an experiment, as an ensemble's networks see them, and what an ensemble makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.files import open_frames
from elitscope.types import Sampling
from elitscope_models.analyse import analyse
from elitscope_models.ensemble import Ensemble
from elitscope_models.preprocess import prepare, validate
from elitscope_models.repair import repair
from elitscope_models.resample import network_grid

Array = np.ndarray[Any, np.dtype[Any]]
Maps = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Frame:
    """One frame: `pixels` [row, column], `sampling` Å/px (row, column), None where unknown."""

    name: str
    pixels: Array
    sampling: Sampling | None

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
    return replace(frame, pixels=grid.image_to_network(np.asarray(pixels, np.float32)), sampling=(native, native))


def look(frame: Frame, ensemble: Ensemble, members: Sequence[int]) -> Sight:
    """What these members, taken together, see in a frame that is on their grid."""
    manifest = ensemble.bundle.manifest
    found = analyse(frame.pixels, frame.sampling, ensemble, members, keep_members=False)
    rows, columns = frame.pixels.shape
    image = prepare(frame.pixels, frame.sampling, manifest, ensemble.tiling).image[:rows, :columns]
    return Sight(
        frame=frame,
        image=np.ascontiguousarray(image),
        mean=found.mean,
        std=found.std,
        positions=found.atoms.positions(),
        support=np.asarray(found.atoms["support"]),
        class_ids=np.asarray(found.atoms["class_id"]),
        sampling=manifest.sampling if frame.sampling is None else float(np.mean(frame.sampling)),
        warnings=found.warnings,
    )
