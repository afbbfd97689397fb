"""Frames from NumPy's own files; movies are read frame by frame, from compressed archives too."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Optional

import numpy as np

from elitscope.errors import FrameInvalid
from elitscope.files.errors import FileUnreadable
from elitscope.files.source import COLOUR_NOTE, Frame, FrameSource, check_dtype, describe, frame_count, is_colour, side_shape, take
from elitscope.types import FrameInfo, Sampling, as_sampling

_PREFERRED = "frames"
_SAMPLING = "sampling"


def open_npy(path: Path, part: Optional[str]) -> FrameSource:
    """A `.npy` file: [row, column] or [frame, row, column], memory-mapped. It holds no sampling."""
    if part is not None:
        raise FileUnreadable(f"{path} holds one array, so that ::{part} names nothing in it")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    check_dtype(array.dtype, path)
    count = frame_count(array.shape, path)

    def frames() -> Iterator[Frame]:
        movie = np.load(path, mmap_mode="r", allow_pickle=False)
        for index in range(count):
            yield take(movie, index), FrameInfo()

    notes = (COLOUR_NOTE,) if is_colour(array.shape) else ()
    return FrameSource(path, describe("NumPy", count, array.shape, array.dtype, None), count, frames, notes)


def open_npz(path: Path, part: Optional[str]) -> FrameSource:
    """A `.npz` archive: the array `part`, or `frames`, or the first that looks like images.

    An array `sampling` beside it counts as Å/px: one number, one a frame, (row, column), or one such pair a frame.
    """
    with zipfile.ZipFile(path) as archive:
        headers = {name[: -len(".npy")]: _header(archive, name) for name in archive.namelist() if name.endswith(".npy")}
        key, others = _choose(path, headers, part)
        shape, fortran, dtype = headers[key]
        check_dtype(dtype, path)
        count = frame_count(shape, path)
        samplings = _samplings(path, _load(archive, _SAMPLING), count) if _SAMPLING in headers else [None] * count

    def frames() -> Iterator[Frame]:
        with zipfile.ZipFile(path) as archive:
            whole = fortran or is_colour(shape)
            planes = (take(_load(archive, key), i) for i in range(count)) if whole else _planes(archive, key, count)
            for pixels, sampling in zip(planes, samplings):
                yield pixels, FrameInfo(sampling=sampling)

    notes = [COLOUR_NOTE] if is_colour(shape) else []
    if others:
        notes.append(f"array {key!r} is analysed; the file also holds {', '.join(others)} (choose with {path.name}::NAME)")
    return FrameSource(path, describe("NumPy archive", count, shape, dtype, samplings[0]), count, frames, tuple(notes), samplings[0])


def _choose(path: Path, headers: dict[str, Any], part: Optional[str]) -> tuple[str, list[str]]:
    if part is not None:
        if part not in headers:
            raise FileUnreadable(f"{path} holds no array {part!r}; it holds {', '.join(headers) or 'none'}")
        return part, []
    images = [key for key, (shape, _, dtype) in headers.items() if _may_be_images(shape, dtype)]
    if _PREFERRED in headers:
        return _PREFERRED, []
    if not images:
        raise FileUnreadable(f"{path} holds no image: its arrays are {', '.join(headers) or 'none'}")
    return images[0], images[1:]


def _may_be_images(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return len(shape) in {2, 3, 4} and min(side_shape(shape)) > 1 and dtype.kind in "uif"


def _samplings(path: Path, values: np.ndarray, count: int) -> list[Optional[Sampling]]:
    try:
        # through text, so that 0.2 in single precision stays 0.2
        numbers = np.array([float(str(value)) for value in values.flat]).reshape(values.shape)
        if values.size == 1:
            return [as_sampling(float(numbers.reshape(-1)[0]))] * count
        if len(values) == count:
            return [as_sampling(number.tolist()) for number in numbers]
        if values.shape == (2,):
            return [as_sampling(numbers.tolist())] * count
    except (FrameInvalid, TypeError, ValueError) as error:
        raise FileUnreadable(f"{path}: its array `sampling` is not in Å/px: {error}") from error
    raise FileUnreadable(f"{path}: its array `sampling` has shape {values.shape}, which fits neither one frame nor all {count}")


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    with archive.open(name) as stream:
        return _read_header(stream)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)


def _load(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    with archive.open(f"{key}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _planes(archive: zipfile.ZipFile, key: str, count: int) -> Iterator[np.ndarray]:
    """Frames of a C-ordered [..., row, column] array one after the other, straight out of the compressed stream."""
    with archive.open(f"{key}.npy") as stream:
        shape, _, dtype = _read_header(stream)
        plane = shape[-3:-1] if len(shape) == 4 and shape[-1] == 1 else shape[-2:]
        size = math.prod(plane) * dtype.itemsize
        for _ in range(count):
            data = stream.read(size)
            if len(data) < size:
                raise EOFError(f"array {key!r} ends early")
            yield np.frombuffer(data, dtype).reshape(plane)
