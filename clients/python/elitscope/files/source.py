"""A file as a source of frames: what every reader in this folder gives back, and the rules that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from elitscope.files.errors import FileUnreadable, reading
from elitscope.types import FrameInfo, Sampling

Frame = tuple[np.ndarray, FrameInfo]
"""Pixels [row, column] in the file's own dtype (native byte order), and what the file knows about them."""

_LONGEST_TEXT = 120


@dataclass(frozen=True)
class FrameSource:
    """Frames of one file, read one by one while iterating; iterating again starts over.

    `description`: one line for people; `notes`: what they should know about how the file was understood (colour made grey, other
    datasets in the file, where the sampling came from); `frames`: opens the file and yields its frames in order.
    """

    path: Path
    description: str
    count: int
    frames: Callable[[], Iterator[Frame]] = field(repr=False)
    notes: tuple[str, ...] = ()
    sampling: Optional[Sampling] = None

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Frame]:
        """Yields (pixels, info).

        Raises:
            FileUnreadable: a frame is damaged, complex, or no image.
        """
        with reading(self.path):
            for index, (pixels, info) in enumerate(self.frames()):
                origin = {"file": self.path.name[-_LONGEST_TEXT:], "frame": index}
                yield as_frame(pixels, self.path), replace(info, metadata={**origin, **info.metadata})


def as_frame(pixels: Any, path: Path) -> np.ndarray:
    """`pixels` as a contiguous array [row, column] in native byte order; values are never changed, booleans become 0 and 1.

    Raises:
        FileUnreadable: complex or not numbers, not two-dimensional, or empty.
    """
    array = np.asarray(pixels)
    check_dtype(array.dtype, path)
    if array.ndim != 2 or 0 in array.shape:
        raise FileUnreadable(f"{path}: a frame is a 2-D image, this one has shape {array.shape}")
    dtype = np.dtype(np.uint8) if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype=dtype)


def check_dtype(dtype: np.dtype[Any], path: Path) -> None:
    """Refuses what is not a picture of real numbers.

    Raises:
        FileUnreadable: complex, structured or object values.
    """
    if dtype.kind == "c":
        raise FileUnreadable(f"{path} holds complex values ({dtype}): save the modulus or the phase as real numbers, then stream that")
    if dtype.kind not in "uifb" or dtype.itemsize > 8:
        raise FileUnreadable(f"{path} holds {dtype}, not numbers of at most 64 bits")


def frame_count(shape: tuple[int, ...], path: Path) -> int:
    """Number of frames in an array of `shape`: [row, column] or [frame, row, column], with axes of length 1 in front or (AtomAI's
    channel) at the end; a colour image is one frame.

    Raises:
        FileUnreadable: no image, or more axes than a movie has.
    """
    if len(shape) < 2 or 0 in shape:
        raise FileUnreadable(f"{path} holds no image: its data have shape {shape}, frames are [row, column] or [frame, row, column]")
    if is_colour(shape):
        return 1
    leading = [n for n in _without_channel(shape)[:-2] if n > 1]
    if len(leading) > 1:
        raise FileUnreadable(f"{path}: shape {shape} has {len(shape)} axes (4-D STEM?); frames are [row, column] or [frame, row, column]")
    return leading[0] if leading else 1


def take(array: Any, index: int) -> np.ndarray:
    """Frame `index` of anything that can be sliced (array, memory map, HDF5 dataset, dask array); only that frame is read."""
    shape = tuple(int(n) for n in array.shape)
    if is_colour(shape):
        return luminance(np.asarray(array[...]))
    places = tuple(index if n > 1 else 0 for n in _without_channel(shape)[:-2])
    last = (0,) if len(_without_channel(shape)) < len(shape) else ()
    return np.asarray(array[(*places, slice(None), slice(None), *last)])


def is_colour(shape: tuple[int, ...]) -> bool:
    """Whether an array of `shape` looks like one colour image, [row, column, 3 or 4]."""
    return len(shape) == 3 and shape[-1] in {3, 4} and min(shape[:2]) > 4


COLOUR_NOTE = "a colour image: its luminance is analysed"


def _without_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) == 4 and shape[-1] == 1 else shape


def side_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, columns) of the frames in an array of `shape`."""
    sides = shape[:2] if is_colour(shape) else _without_channel(shape)[-2:]
    return int(sides[0]), int(sides[1])


def describe(kind: str, count: int, shape: tuple[int, ...], dtype: np.dtype[Any], sampling: Optional[Sampling]) -> str:
    """One line for people, "NumPy, 512 × 512 float64, 0.176 Å/px" say."""
    frames = f"{count} frames of " if count > 1 else ""
    rows, columns = side_shape(shape)
    return f"{kind}, {frames}{rows} × {columns} {dtype}, {sampling_text(sampling)}"


def sampling_text(sampling: Optional[Sampling]) -> str:
    """The sampling in words.

    >>> sampling_text((0.12, 0.12)), sampling_text((0.12, 0.13)), sampling_text(None)
    ('0.12 Å/px', '0.12 × 0.13 Å/px', 'sampling unknown')
    """
    if sampling is None:
        return "sampling unknown"
    row, column = sampling
    return f"{row:.5g} Å/px" if abs(row - column) <= 1e-6 * row else f"{row:.5g} × {column:.5g} Å/px"


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Grey values of a colour image [row, column, 3 or 4]: the image itself where red, green and blue are equal (a grey image saved as
    colour, its dtype kept), otherwise Rec. 601 luminance as float32. Transparency is left out."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    grey: np.ndarray = pixels[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey
