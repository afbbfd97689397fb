"""One door for every file format: `open_frames(path)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Optional, Union

from elitscope.files.errors import FileUnreadable, MissingLibrary, reading
from elitscope.files.hdf5 import open_hdf5
from elitscope.files.microscope import extensions, open_microscope_file
from elitscope.files.numpy_files import open_npy, open_npz
from elitscope.files.pictures import open_picture
from elitscope.files.side_car import completed, side_car
from elitscope.files.source import Frame, FrameSource, sampling_text
from elitscope.files.tiff import open_tiff

Opener = Callable[[Path, Optional[str]], FrameSource]

_OPENERS: dict[str, Opener] = {
    "npy": open_npy,
    "npz": open_npz,
    "tif": open_tiff,
    "tiff": open_tiff,
    "png": open_picture,
    "jpg": open_picture,
    "jpeg": open_picture,
    "bmp": open_picture,
    "gif": open_picture,
    "h5": open_hdf5,
    "hdf5": open_hdf5,
}
"""What this package reads itself; rosettasciio reads the rest."""

_FOLDERS = ("zspy",)
"""Formats whose files are folders."""


def open_frames(path: Union[str, PathLike[str]]) -> FrameSource:
    """The frames of a file, to iterate over: (pixels [row, column] in the file's dtype, `FrameInfo`).

    `path` may name a part of the file, `scan.h5::/entry/data`, `movie.npz::frames`, `session.emd::HAADF`, `stack.tif::1`; without, the most
    likely part is taken and `notes` of the source says which. Movies are read frame by frame. The sampling is None unless the file, or a
    JSON file beside it (see `side_car`), gives it with a unit of length.

    Raises:
        FileUnreadable: missing, corrupt, of an unknown format; complex values; diffraction; no image.
        MissingLibrary: the format needs `pip install "elitscope[files]"`.
    """
    place, part = _split(str(path))
    if not place.exists():
        raise FileUnreadable(f"{place} does not exist")
    extension = place.suffix[1:].lower()
    if place.is_dir() and extension not in _FOLDERS:
        raise FileUnreadable(f"{place} is a folder: name the files in it")
    opener = _OPENERS.get(extension) or _microscope_opener(place, extension)
    with reading(place):
        return _with_side_car(opener(place, part))


def readable_extensions() -> tuple[str, ...]:
    """Every extension that can be read here, lower case, without the dot; fewer in a thin install."""
    try:
        return tuple(sorted({*_OPENERS, *extensions()}))
    except MissingLibrary:
        return tuple(sorted(_OPENERS))


def _split(text: str) -> tuple[Path, Optional[str]]:
    place, separator, part = text.rpartition("::")
    return (Path(place), part) if separator and place and part else (Path(text), None)


def _microscope_opener(place: Path, extension: str) -> Opener:
    if extension not in extensions():
        known = ", ".join(readable_extensions())
        if not place.suffix:
            raise FileUnreadable(f"{place}: its name has no ending, which says how to read it; these can be read: {known}")
        raise FileUnreadable(f"{place}: files ending in {place.suffix!r} can't be read; these can: {known}")
    return open_microscope_file


def _with_side_car(source: FrameSource) -> FrameSource:
    """The source, completed from a JSON file beside it where its own frames have no sampling."""
    beside = side_car(source.path)
    if beside is None or source.sampling is not None:
        return source
    pixels, info = next(source.frames())
    found = completed(info, beside, pixels.shape)
    if found.sampling is None:
        return source

    def frames() -> Iterator[Frame]:
        for pixels, info in source.frames():
            yield pixels, completed(info, beside, pixels.shape)

    text = sampling_text(found.sampling)
    description = source.description.replace(sampling_text(None), text)
    note = f"the sampling, {text}, comes from {beside.name}, since the file itself has none"
    return replace(source, frames=frames, sampling=found.sampling, description=description, notes=(*source.notes, note))
