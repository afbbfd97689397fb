"""Frames from HDF5 files of any layout: the largest image or movie in the file, or the dataset that is named."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np

from elitscope.errors import FrameInvalid
from elitscope.files.errors import FileUnreadable, need
from elitscope.files.source import COLOUR_NOTE, Frame, FrameSource, check_dtype, describe, frame_count, is_colour, take
from elitscope.files.units import sampling_of
from elitscope.types import FrameInfo, Sampling, as_sampling

_MOST_NAMED = 8


def open_hdf5(path: Path, part: Optional[str]) -> FrameSource:
    """An `.h5` file: dataset `part`, or the largest one of real numbers with two or three axes.

    Files that elitscope saved give their frames back with everything known about them; HyperSpy's go the way of `.hspy`. The sampling
    comes from (first found): an attribute `sampling` (Å/px), NeXus axes, dimension scales (NSID), NCEM's `dim1`, `dim2`, ...,
    Fiji's `element_size_um`.
    """
    h5py = need("h5py", "reading HDF5 files")
    from elitscope.files.saved import is_saved, open_saved

    with h5py.File(path, "r") as file:
        if part is None and is_saved(file):
            return open_saved(path, file)
        if part is None and file.attrs.get("file_format") == "HyperSpy":
            from elitscope.files.microscope import open_microscope_file

            return open_microscope_file(path, None, "hspy")
        name, others = _choose(path, h5py, file, part)
        dataset = file[name]
        check_dtype(dataset.dtype, path)
        count = frame_count(dataset.shape, path)
        sampling = _sampling(path, dataset)
        description = describe(f"HDF5 {name}", count, dataset.shape, dataset.dtype, sampling)
        notes = [COLOUR_NOTE] if is_colour(dataset.shape) else []

    if others:
        notes.append(f"dataset {name} is analysed; the file also holds {', '.join(others)} (choose with {path.name}::NAME)")

    def frames() -> Iterator[Frame]:
        with h5py.File(path, "r") as file:
            for index in range(count):
                yield take(file[name], index), FrameInfo(sampling=sampling)

    return FrameSource(path, description, count, frames, tuple(notes), sampling)


def _choose(path: Path, h5py: Any, file: Any, part: Optional[str]) -> tuple[str, list[str]]:
    datasets: dict[str, Any] = {}

    def collect(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape is not None:
            datasets[f"/{name}"] = node

    file.visititems(collect)
    if part is not None:
        name = "/" + part.strip("/")
        if name not in datasets:
            raise FileUnreadable(f"{path} holds no dataset {part!r}; it holds {_listed(list(datasets)) or 'none'}")
        return name, []
    images = [name for name, node in datasets.items() if node.ndim in {2, 3} and min(node.shape[-2:]) > 1 and node.dtype.kind in "uif"]
    if not images:
        shapes = [f"{name} {node.shape} {node.dtype}" for name, node in datasets.items()]
        raise FileUnreadable(f"{path} holds no 2-D or 3-D dataset of real numbers; it holds {_listed(shapes) or 'no dataset'}")
    images.sort(key=lambda name: -math.prod(datasets[name].shape))
    return images[0], images[1:_MOST_NAMED]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def _sampling(path: Path, dataset: Any) -> Optional[Sampling]:
    if "sampling" in dataset.attrs:
        value = np.asarray(dataset.attrs["sampling"], float).reshape(-1)
        try:
            return as_sampling(float(value[0]) if value.size == 1 else value.tolist())
        except (FrameInvalid, IndexError) as error:
            raise FileUnreadable(f"{path}: attribute `sampling` of {dataset.name} is not in Å/px: {error}") from error
    row, column = (_axis(dataset, axis) for axis in (dataset.ndim - 2, dataset.ndim - 1))
    if row is not None and column is not None:
        return sampling_of(*row, *column)
    if "element_size_um" in dataset.attrs:
        steps = list(dataset.attrs["element_size_um"])
        return sampling_of(steps[-2], "µm", steps[-1], "µm")
    return None


def _axis(dataset: Any, axis: int) -> Optional[tuple[float, Any]]:
    """Step and unit of one axis, where coordinates of its pixels stand in the file."""
    for coordinates in (_nexus_axis(dataset, axis), _scale(dataset, axis), dataset.parent.get(f"dim{axis + 1}")):
        if coordinates is not None and getattr(coordinates, "shape", None) and coordinates.size > 1:
            values = np.asarray(coordinates[...], float).reshape(-1)
            unit = coordinates.attrs.get("units")
            return (values[-1] - values[0]) / (len(values) - 1), unit
    return None


def _nexus_axis(dataset: Any, axis: int) -> Any:
    names = dataset.parent.attrs.get("axes")
    if names is None or isinstance(names, (str, bytes)) or len(names) != dataset.ndim:
        return None
    name = names[axis]
    return dataset.parent.get(name.decode() if isinstance(name, bytes) else name)


def _scale(dataset: Any, axis: int) -> Any:
    scales = dataset.dims[axis]
    return scales[0] if len(scales) else None
