"""What `save` wrote, read back: the results, and the frames as a source that can be streamed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from elitscope.files.errors import FileUnreadable, need, reading
from elitscope.files.save import FORMAT, FORMAT_VERSION
from elitscope.files.source import Frame, FrameSource, describe
from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.types import ATOM_DTYPE, AtomTable, FrameInfo, Rejection, Result, Sampling, Timing


def read_results(path: Union[str, PathLike[str]]) -> Iterator[Union[Result, Rejection]]:
    """The answers in a file that `ResultWriter` wrote, in order, one frame in memory at a time.

    A last frame that a kill cut off is left out.

    Raises:
        FileUnreadable: missing, damaged, or not written by elitscope.
        MissingLibrary: h5py is not installed.
    """
    place = Path(path)
    if not place.is_file():
        raise FileUnreadable(f"{place} does not exist")
    h5py = need("h5py", "reading saved results")
    with reading(place, "was it written by elitscope?"), h5py.File(place, "r") as file:
        _check(place, file)
        for group in _groups(file):
            yield _result(group) if group.attrs["outcome"] == "result" else _rejection(group)


def is_saved(file: Any) -> bool:
    """Whether an open HDF5 file was written by `ResultWriter`."""
    return str(file.attrs.get("format", "")) == FORMAT


def open_saved(path: Path, file: Any) -> FrameSource:
    """The frames in a results file; `file` is that file, open."""
    _check(path, file)
    groups = list(_groups(file))
    if not groups:
        raise FileUnreadable(f"{path} holds no frames: the run that wrote it ended before its first answer")
    first = groups[0]["pixels"]
    sampling = _pair(first.attrs, "sampling")
    h5py = need("h5py", "reading saved results")

    def frames() -> Iterator[Frame]:
        with h5py.File(path, "r") as again:
            for group in _groups(again):
                yield group["pixels"][...], _info(group["pixels"].attrs)

    description = describe("elitscope results", len(groups), first.shape, first.dtype, sampling)
    return FrameSource(path, description, len(groups), frames, (), sampling)


def _check(path: Path, file: Any) -> None:
    if not is_saved(file):
        raise FileUnreadable(f"{path} was not written by elitscope (its attribute `format` is {file.attrs.get('format')!r})")
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise FileUnreadable(f"{path} has layout version {version}, and this elitscope knows up to {FORMAT_VERSION}: update elitscope")


def _groups(file: Any) -> Iterator[Any]:
    frames = file["frames"]
    for name in sorted(frames, key=lambda name: (len(name), name)):  # in the order of numbers, also of the millionth frame
        if "outcome" in frames[name].attrs:
            yield frames[name]


def _result(group: Any) -> Result:
    attributes = group.attrs
    return Result(
        frame_id=int(attributes["frame_id"]),
        stream=str(attributes["stream"]),
        sequence=int(attributes["sequence"]),
        ensemble=str(attributes["ensemble"]),
        ensemble_version=str(attributes["ensemble_version"]),
        members=tuple(int(member) for member in attributes["members"]),
        revision=int(attributes["revision"]),
        plan=str(attributes["plan"]),
        classes=tuple(attributes["classes"]),
        sampling=_pair(attributes, "sampling"),
        warnings=tuple(attributes["warnings"]),
        timing=Timing(**{name: float(attributes[name]) for name in Timing.__dataclass_fields__}),
        mean=_maps(group, "mean"),
        std=_maps(group, "std"),
        atoms=_atoms(group),
        hotspots=_hotspots(group),
        member_maps=_maps(group, "members"),
    )


def _rejection(group: Any) -> Rejection:
    attributes = group.attrs
    return Rejection(int(attributes["frame_id"]), str(attributes["stream"]), str(attributes["code"]), str(attributes["message"]))


def _maps(group: Any, name: str) -> Optional[np.ndarray]:
    return np.asarray(group[name][...]) if name in group else None


def _atoms(group: Any) -> Optional[AtomTable]:
    if "atoms" not in group:
        return None
    records = np.ascontiguousarray(group["atoms"][...]).astype(ATOM_DTYPE, copy=False)
    return AtomTable.from_records(records, _pair(group["atoms"].attrs, "sampling"))


def _hotspots(group: Any) -> Optional[HotspotTable]:
    if "hotspots" not in group:
        return None
    return HotspotTable.from_records(np.ascontiguousarray(group["hotspots"][...]).astype(HOTSPOT_DTYPE, copy=False))


def _info(attributes: Any) -> FrameInfo:
    numbers = {name: float(attributes[name]) for name in ("acquired_at", "dwell_time", "rotation", "high_tension") if name in attributes}
    return FrameInfo(
        sampling=_pair(attributes, "sampling"),
        field_of_view=_pair(attributes, "field_of_view"),
        channel=str(attributes["channel"]) if "channel" in attributes else None,
        metadata=json.loads(attributes["metadata"]) if "metadata" in attributes else {},
        **numbers,
    )


def _pair(attributes: Any, name: str) -> Optional[Sampling]:
    return None if name not in attributes else (float(attributes[name][0]), float(attributes[name][1]))
