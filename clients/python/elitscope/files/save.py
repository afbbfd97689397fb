"""Results into HDF5, frame by frame, so that a run that ends badly has lost at most its last frame.

Layout (version 1), readable with h5py, MATLAB, HDFView, and, since every frame is a NeXus `NXdata` group, with a picture and calibrated
axes in silx, H5Web and HyperSpy (`hs.load("out.h5", reader="nexus")`)::

    /                     attributes: format "elitscope-results", format_version, created (UTC), software versions, server, stream;
                          from the first result: ensemble, ensemble_version, plan, classes
    /frames/000000        one group a frame, in the order of sending; attributes: outcome "result" or "rejection", frame_id, stream and
                          - of a result: sequence, ensemble, ensemble_version, members, revision, plan, classes, warnings,
                            queue_ms, preprocess_ms, inference_ms, atoms_ms, total_ms, sampling (Å/px, (row, column); absent if unknown)
                          - of a rejection: code, message
        pixels            [row, column], as it was sent; attributes: what was known about the frame (`FrameInfo`), free metadata as JSON
        row, column       positions of rows and columns: Å where the sampling is known, px otherwise
        mean, std         float32 [class, row, column]; each only if it was asked for and could be computed
        members           float32 [member, class, row, column], in the order of the attribute `members`
        atoms             structured [n]: row, column, class_id, probability, support, sigma_row, sigma_column, area;
                          attributes: units (one a field), sampling
        hotspots          structured [n]: row, column, radius, kind, strength; attributes: units (one a field), kinds (names of the numbers)

    import h5py, napari
    with h5py.File("out.h5") as file:
        napari.view_image(file["frames/000000/pixels"][...])
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Union

import numpy as np

from elitscope.files.errors import FileUnwritable, need
from elitscope.files.room import room_for
from elitscope.hotspots import HOTSPOT_KINDS
from elitscope.types import FrameInfo, Rejection, Result

FORMAT = "elitscope-results"
FORMAT_VERSION = 1
ATOM_UNITS = ("px", "px", "", "", "", "px", "px", "px")
HOTSPOT_UNITS = ("px", "px", "px", "", "")
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class ResultWriter:
    """Writes one HDF5 file; use it as a context manager.

    `attributes` go to the file's root (`server` and `stream`, say). An existing file is left alone unless `overwrite` is given.

    Raises (on entering and on writing):
        FileUnwritable: the file exists, its folder does not, the disk is full, ...; what was written before stays readable.
        MissingLibrary: h5py is not installed.
    """

    def __init__(self, path: Union[str, PathLike[str]], attributes: Optional[Mapping[str, str]] = None, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.frames_written = 0
        self._attributes = dict(attributes or {})
        self._overwrite = overwrite
        self._file: Any = None
        self._has_result = False

    def __enter__(self) -> ResultWriter:
        h5py = need("h5py", "saving results")
        try:
            self._file = h5py.File(self.path, "w" if self._overwrite else "x")
            with room_for(self._file, _HEAD_BYTES):
                self._write_head(h5py.__version__)
                self._file.flush()
        except FileExistsError as error:
            raise FileUnwritable(f"{self.path} exists already: choose another name, or allow overwriting it") from error
        except OSError as error:
            self._abandon()
            raise self._failure(error) from error
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.close()
        except (OSError, RuntimeError) as failure:
            if error is None:
                raise self._failure(failure) from failure

    def write(self, pixels: np.ndarray, info: FrameInfo, reply: Union[Result, Rejection]) -> None:
        """Append one frame and its answer, and hand both to the operating system before returning."""
        if self._file is None:
            raise ValueError("ResultWriter writes only inside its `with` block")
        try:
            with room_for(self._file, _most_bytes(pixels, reply)):
                self._write_frame(pixels, info, reply)
                self._file.flush()
        except (OSError, RuntimeError) as error:
            self._abandon()
            raise self._failure(error) from error
        self.frames_written += 1

    def _write_frame(self, pixels: np.ndarray, info: FrameInfo, reply: Union[Result, Rejection]) -> None:
        group = self._file["frames"].create_group(f"{self.frames_written:06d}")
        _write_pixels(group, pixels, info, reply)
        if isinstance(reply, Result):
            _write_result(group, reply)
            self._describe_run(reply)
        else:
            group.attrs.update({"code": reply.code, "message": reply.message})
        group.attrs.update({"frame_id": reply.frame_id, "stream": reply.stream})
        # last, so that a group that was cut off in the middle is recognised by its absence
        group.attrs["outcome"] = "result" if isinstance(reply, Result) else "rejection"

    def _write_head(self, h5py_version: str) -> None:
        from importlib.metadata import PackageNotFoundError, version

        with suppress(PackageNotFoundError):
            self._file.attrs["elitscope_version"] = version("elitscope")
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._file.attrs.update({"format": FORMAT, "format_version": FORMAT_VERSION, "created": created, "NX_class": "NXroot"})
        self._file.attrs.update({"python": platform.python_version(), "numpy": np.__version__, "h5py": h5py_version, **self._attributes})
        self._file.attrs["default"] = "frames"
        self._file.create_group("frames").attrs.update({"NX_class": "NXentry", "default": "000000"})

    def _describe_run(self, result: Result) -> None:
        if not self._has_result:
            self._file.attrs.update({"ensemble": result.ensemble, "ensemble_version": result.ensemble_version, "plan": result.plan})
            self._file.attrs["classes"] = _texts(result.classes)
            self._has_result = True

    def _abandon(self) -> None:
        """Close what is there; nothing more is written."""
        file, self._file = self._file, None
        with suppress(OSError, RuntimeError):
            if file is not None:
                file.close()

    def _failure(self, error: Exception) -> FileUnwritable:
        words = getattr(error, "strerror", None) or str(error)
        reason = next((text for text in _REASONS if text.lower() in words.lower()), words)
        return FileUnwritable(f"{self.path} can't be written ({reason}); {self.frames_written} frames were saved before")


_REASONS = (
    "No space left on device",
    "File too large",
    "Disk quota exceeded",
    "Permission denied",
    "No such file or directory",
    "Read-only file system",
)
"""The part of HDF5's long messages that people need."""


_HEAD_BYTES = 1 << 16
_GROUP_BYTES = 1 << 18


def _most_bytes(pixels: np.ndarray, reply: Union[Result, Rejection]) -> int:
    """What a frame takes on disk at most: noise grows a little in compression, and the group has its own book-keeping."""
    arrays = [pixels]
    if isinstance(reply, Result):
        arrays += [array for array in (reply.mean, reply.std, reply.member_maps, reply.atoms, reply.hotspots) if array is not None]
    return _GROUP_BYTES + sum(int(1.05 * array.nbytes) for array in arrays)


def _write_pixels(group: Any, pixels: np.ndarray, info: FrameInfo, reply: Union[Result, Rejection]) -> None:
    sampling = (reply.sampling if isinstance(reply, Result) else None) or info.sampling
    dataset = group.create_dataset("pixels", data=pixels, chunks=pixels.shape, **_COMPRESSION)
    known = {name: value for name, value in asdict(info).items() if name != "metadata" and value is not None}
    dataset.attrs.update(known)
    if info.metadata:
        dataset.attrs["metadata"] = json.dumps(dict(info.metadata), ensure_ascii=False)
    for axis, name in enumerate(("row", "column")):
        step = 1.0 if sampling is None else sampling[axis]
        positions = group.create_dataset(name, data=np.arange(pixels.shape[axis]) * step)
        positions.attrs["units"] = "px" if sampling is None else "Å"
    group.attrs.update({"NX_class": "NXdata", "signal": "pixels", "axes": _texts(("row", "column"))})


def _write_result(group: Any, result: Result) -> None:
    for name, maps in (("mean", result.mean), ("std", result.std), ("members", result.member_maps)):
        if maps is not None:
            group.create_dataset(name, data=maps, chunks=(*[1] * (maps.ndim - 2), *maps.shape[-2:]), **_COMPRESSION)
    if result.atoms is not None:
        atoms = group.create_dataset("atoms", data=np.asarray(result.atoms))
        atoms.attrs["units"] = _texts(ATOM_UNITS)
        if result.atoms.sampling is not None:
            atoms.attrs["sampling"] = result.atoms.sampling
    if result.hotspots is not None:
        hotspots = group.create_dataset("hotspots", data=np.asarray(result.hotspots))
        hotspots.attrs.update({"units": _texts(HOTSPOT_UNITS), "kinds": _texts(HOTSPOT_KINDS)})
    if result.sampling is not None:
        group.attrs["sampling"] = result.sampling
    group.attrs.update({name: getattr(result, name) for name in ("sequence", "ensemble", "ensemble_version", "revision", "plan")})
    group.attrs["members"] = np.asarray(result.members, np.int64)
    group.attrs.update({"classes": _texts(result.classes), "warnings": _texts(result.warnings)})
    group.attrs.update(asdict(result.timing))


def _texts(values: tuple[str, ...]) -> np.ndarray:
    """Strings as HDF5 knows them (variable length, UTF-8), an empty list too."""
    h5py = need("h5py", "saving results")
    return np.array(values, dtype=h5py.string_dtype("utf-8"))
