"""From detector counts to what a network was trained on. How a frame is normalised decides more of the accuracy than which network sees it.

One bright impurity or one blob of contamination squeezes a lattice into the bottom of a global min-max; a percentile clip helps with
the impurity and not with the blob. `local` therefore measures background and contrast block by block, a few Å at a time, and keeps them
from falling below a share of what is usual in the frame, so that vacuum stays empty instead of becoming amplified noise.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from elitscope_models.kernels.bend import bend

_LEAST_SHARE = 1e-6
"""A contrast below this share of the frame's range is none: dividing by it would only magnify rounding."""

FRAME_FLAT = "frame_flat"
"""Warning: every pixel has the same value, so there is nothing to scale; the normalised frame is zero."""


class _Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MinMaxParameters(_Parameters):
    """None: the frame's own minimum becomes 0, its maximum 1, as AtomAI has it."""


class PercentileParameters(_Parameters):
    """The two percentiles that become 0 and 1; what lies beyond is clipped."""

    low: float = Field(default=0.5, ge=0, le=100, description="percentile that becomes 0")
    high: float = Field(default=99.0, ge=0, le=100, description="percentile that becomes 1")

    @model_validator(mode="after")
    def _ordered(self) -> PercentileParameters:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}: give two percentiles in ascending order")
        return self


class LocalParameters(PercentileParameters):
    """As `PercentileParameters`, but per block; nothing is clipped at the top, bright features are compressed instead."""

    low: float = Field(default=10.0, ge=0, le=100, description="percentile of a block that becomes 0: its background")
    high: float = Field(default=95.0, ge=0, le=100, description="percentile of a block that becomes 1: its brightest ordinary atoms")
    block: float = Field(default=6.0, gt=0, description="width of a block in Å: some atoms, but less than a patch of contamination")
    block_px: int = Field(default=64, ge=4, description="width of a block in px, where the frame's sampling is unknown")
    floor: float = Field(default=0.5, ge=0, le=1, description="least contrast of a block, as a share of the median block's")
    headroom: float = Field(default=1.0, gt=0, description="values from 1 upward are squeezed into 1 to 1 + headroom")


class MinMax(_Parameters):
    kind: Literal["minmax"] = "minmax"
    parameters: MinMaxParameters = MinMaxParameters()


class Percentile(_Parameters):
    kind: Literal["percentile"] = "percentile"
    parameters: PercentileParameters = PercentileParameters()


class Local(_Parameters):
    kind: Literal["local"] = "local"
    parameters: LocalParameters = LocalParameters()


Normalisation = Annotated[MinMax | Percentile | Local, Field(discriminator="kind")]
"""What a bundle's manifest says: `{"kind": "local", "parameters": {"block": 6.0}}`; unknown keys are refused."""


def normalise(
    pixels: np.ndarray[Any, Any], normalisation: MinMax | Percentile | Local, sampling: float | tuple[float, float] | None = None
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], tuple[str, ...]]:
    """The frame as a network expects it, float32 [row, column], and warnings.

    Args:
        pixels: [row, column], any real dtype, finite, at least one pixel.
        normalisation: what the network was trained with.
        sampling: Å/px, one number or (row, column); only `local` uses it, for the width of its blocks.

    A flat frame becomes zeros with the warning `frame_flat`, never NaN.

    Raises:
        ValueError: not two axes, or no pixels.

    Example:
        >>> normalise(np.array([[2, 4], [6, 10]], np.uint16), MinMax())[0].tolist()
        [[0.0, 0.25], [0.5, 1.0]]
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"a frame of shape {pixels.shape} can't be normalised: give two axes with at least one pixel each")
    values = _as_float32(pixels)
    low, high, _, _ = cv2.minMaxLoc(values)
    if not high > low:
        return np.zeros(pixels.shape, np.float32), (FRAME_FLAT,)
    match normalisation:
        case MinMax():
            return (values - np.float32(low)) / (np.float32(high) - np.float32(low)), ()
        case Percentile(parameters=parameters):
            return _percentile(values, parameters, low, high), ()
        case Local(parameters=parameters):
            return _local(values, parameters, sampling, high - low), ()


def _as_float32(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Pixels as float32; types that hold more than it can are scaled to 0..1 in their own precision first, so that no step is lost."""
    if pixels.dtype.kind == "b" or pixels.dtype.itemsize <= 2 or (pixels.dtype.kind == "f" and pixels.dtype.itemsize == 4):
        return np.ascontiguousarray(pixels, np.float32)
    wide = pixels.astype(np.float64)
    low, high = wide.min(), wide.max()
    half_range = high / 2.0 - low / 2.0
    if not half_range > 0:
        return np.zeros(pixels.shape, np.float32)
    return np.ascontiguousarray((wide / 2.0 - low / 2.0) / half_range, np.float32)


def _percentile(
    values: np.ndarray[Any, np.dtype[np.float32]], parameters: PercentileParameters, least: float, most: float
) -> np.ndarray[Any, np.dtype[np.float32]]:
    low, high = np.percentile(values, (parameters.low, parameters.high))
    if not high - low > _LEAST_SHARE * (most - least):  # all but a few pixels are equal: their extremes are all there is to scale by
        low, high = least, most
    scaled = (values - np.float32(low)) / np.float32(high - low)
    return np.clip(scaled, np.float32(0), np.float32(1), out=scaled)


def _local(
    values: np.ndarray[Any, np.dtype[np.float32]],
    parameters: LocalParameters,
    sampling: float | tuple[float, float] | None,
    extent: float,
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """`extent`: from the lowest to the highest value."""
    rows, columns = values.shape
    # half the size: a quarter of the work, and percentiles that feel less of the noise
    halved = cv2.resize(values, (max(1, columns // 2), max(1, rows // 2)), interpolation=cv2.INTER_AREA)
    blocks = tuple(_block_count(side, width) for side, width in zip(values.shape, _block_px(parameters, sampling), strict=True))
    background, top = _block_percentiles(halved, blocks, (parameters.low, parameters.high))
    contrast = top - background
    least = parameters.floor * float(np.median(contrast))
    if not least > _LEAST_SHARE * extent:
        least = max(float(contrast.mean()), extent * 1e-3)
    gain = 1.0 / np.maximum(contrast, np.float32(least))
    image = np.empty_like(values)
    bend(values, _widen(background, columns), _widen(gain.astype(np.float32), columns), np.float32(parameters.headroom), image)
    return image


def _block_px(parameters: LocalParameters, sampling: float | tuple[float, float] | None) -> tuple[float, float]:
    if sampling is None:
        return float(parameters.block_px), float(parameters.block_px)
    row, column = sampling if isinstance(sampling, tuple) else (sampling, sampling)
    return max(4.0, parameters.block / row), max(4.0, parameters.block / column)


def _block_count(side: int, width: float) -> int:
    """Whole number of equal blocks along a side, each about `width` wide and at least two pixels of the halved frame."""
    return max(1, min(math.floor(side / width + 0.5), side // 4))


def _block_percentiles(
    image: np.ndarray[Any, np.dtype[np.float32]], blocks: tuple[int, ...], percentiles: tuple[float, float]
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Two percentiles of every block, each float32 [block row, block column], smoothed over neighbouring blocks."""
    height, width = (max(count, round(side / count) * count) for side, count in zip(image.shape, blocks, strict=True))
    if (height, width) != image.shape:  # blocks of one size can be sorted in one call
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    tall, wide = height // blocks[0], width // blocks[1]
    cells = image.reshape(blocks[0], tall, blocks[1], wide).swapaxes(1, 2).reshape(*blocks, tall * wide)
    ranks = [round(percentile / 100.0 * (tall * wide - 1)) for percentile in percentiles]
    ordered = np.sort(cells, axis=-1)  # in vectors: faster than selecting two of them, which is not
    low, high = (_smooth(np.ascontiguousarray(ordered[..., rank])) for rank in ranks)
    return low, high


def _smooth(grid: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Neighbouring blocks blended 1 : 2 : 1 per axis."""
    kernel = np.array([0.25, 0.5, 0.25], np.float32)
    return np.asarray(cv2.sepFilter2D(grid, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE), np.float32).reshape(grid.shape)


def _widen(grid: np.ndarray[Any, np.dtype[np.float32]], columns: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The grid of blocks, linearly interpolated to every column."""
    return np.asarray(cv2.resize(grid, (columns, len(grid)), interpolation=cv2.INTER_LINEAR), np.float32).reshape(len(grid), columns)
