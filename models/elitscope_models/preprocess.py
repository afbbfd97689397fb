"""From a frame as it came to the image that networks read.

    validate → repair → resample to the networks' sampling → normalise → pad to the stride

Normalisation comes after resampling because networks were trained on frames normalised at their own sampling: percentiles of a frame that
averages four noisy pixels into one are not those of the frame before. All of it looks at the whole frame, before any tile is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from elitscope.errors import FrameInvalid
from elitscope.types import Sampling
from elitscope_models.bundle import Manifest
from elitscope_models.normalise import normalise
from elitscope_models.repair import repair
from elitscope_models.resample import Grid, network_grid
from elitscope_models.tiles import Tiling

MIN_SIDE = 8
"""Fewer pixels than this show no atom."""

MAX_PIXELS = 1 << 26
"""Of the frame and of the networks' grid: 8192 × 8192."""


@dataclass(frozen=True)
class Prepared:
    """`image`: float32 [row, column], normalised and padded; `grid`: how its unpadded part lies on the frame."""

    image: np.ndarray[Any, np.dtype[np.float32]]
    grid: Grid
    warnings: tuple[str, ...]


def prepare(pixels: np.ndarray[Any, Any], sampling: Sampling | None, manifest: Manifest, tiling: Tiling) -> Prepared:
    """The image for a bundle's networks.

    Args:
        pixels: the frame, [row, column], any real dtype.
        sampling: Å/px (row, column), or None where unknown: the frame is then taken as it is, with the warning `sampling_unknown`.
        manifest: says sampling, trained range and normalisation.
        tiling: says the stride.

    Raises:
        FrameInvalid: not two axes, not real, too small, too large or too much of it not finite.
    """
    validate(pixels)
    grid = network_grid((pixels.shape[0], pixels.shape[1]), sampling, manifest.sampling, manifest.sampling_range)
    _validate_grid(grid, manifest)
    frame, repairs = repair(pixels)
    seen = (manifest.sampling, manifest.sampling) if grid.frame != grid.network else sampling
    image, remarks = normalise(grid.image_to_network(frame), manifest.normalisation, seen)
    return Prepared(_pad(image, tiling), grid, (*_sampling_warnings(grid, sampling, manifest), *repairs, *remarks))


def validate(pixels: np.ndarray[Any, Any]) -> None:
    """Refuse what is no frame.

    Raises:
        FrameInvalid: with what is wrong and what to send instead.
    """
    if pixels.ndim != 2:
        raise FrameInvalid(f"a frame has two axes (row, column), this one has shape {pixels.shape}: send movies frame by frame")
    if pixels.dtype.kind not in "biuf":
        raise FrameInvalid(f"pixels of type {pixels.dtype} are not real numbers: send integers or floats")
    if min(pixels.shape) < MIN_SIDE:
        raise FrameInvalid(f"a frame of {pixels.shape[0]} × {pixels.shape[1]} px is too small: each side needs at least {MIN_SIDE}")
    if pixels.size > MAX_PIXELS:
        raise FrameInvalid(f"a frame of {pixels.shape[0]} × {pixels.shape[1]} px is too large: crop or bin it to at most {MAX_PIXELS} px")


def _validate_grid(grid: Grid, manifest: Manifest) -> None:
    rows, columns = grid.network
    if grid.frame != grid.network and (min(rows, columns) < MIN_SIDE or rows * columns > MAX_PIXELS):
        raise FrameInvalid(
            f"at {manifest.sampling} Å/px, the sampling of {manifest.name!r}, this frame would have {rows} × {columns} px: each side needs "
            f"at least {MIN_SIDE} and the whole at most {MAX_PIXELS}; check the sampling that came with the frame"
        )


def _sampling_warnings(grid: Grid, sampling: Sampling | None, manifest: Manifest) -> tuple[str, ...]:
    if sampling is None:
        return ("sampling_unknown",)
    if grid.frame == grid.network:
        return ()
    low, high = manifest.sampling_range
    ours = " × ".join(f"{axis:.4g}" for axis in dict.fromkeys(sampling))
    return (f"sampling_outside_range: {ours} Å/px is not within {low:g}–{high:g}, resampled to {manifest.sampling:g}",)


def _pad(image: np.ndarray[Any, np.dtype[np.float32]], tiling: Tiling) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Mirrored below and to the right, where it moves no coordinate."""
    rows, columns = tiling.padded((image.shape[0], image.shape[1]))
    below, beside = rows - image.shape[0], columns - image.shape[1]
    if not below and not beside:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REFLECT_101))
