"""Frames from TIFF files: ImageJ, OME and the microscope makers' own, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union
from xml.etree import ElementTree

import numpy as np

from elitscope.files.errors import FileUnreadable, need
from elitscope.files.source import COLOUR_NOTE, Frame, FrameSource, check_dtype, describe, luminance
from elitscope.files.units import sampling_of
from elitscope.types import FrameInfo, Sampling

_COARSEST_MICROSCOPE = 1000.0
"""Å/px. A resolution tag coarser than this is a print's dots per inch, not a microscope's calibration."""

_GATAN_COLUMN, _GATAN_ROW = (65003, 65009), (65004, 65010)
"""Tags in which DigitalMicrograph writes an axis' unit and step."""


def open_tiff(path: Path, part: Optional[str]) -> FrameSource:
    """A `.tif` file: its largest series (or series number `part`); all axes but row and column are frames, in the file's order."""
    tifffile = need("tifffile", "reading TIFF files")
    with tifffile.TiffFile(path) as tiff:
        number = _series_number(path, tiff, part)
        series = tiff.series[number]
        check_dtype(series.dtype, path)
        shape, colour = _image_shape(path, series)
        sampling = _sampling(tiff, series)
        notes = [COLOUR_NOTE] if colour else []
        if "C" in series.axes and series.shape[series.axes.index("C")] > 1:
            notes.append(f"the file's {series.shape[series.axes.index('C')]} channels are analysed as frames of their own")
        if part is None and len(tiff.series) > 1:
            notes.append(f"series {number} of {len(tiff.series)} is analysed (choose with {path.name}::NUMBER)")
        kind = "ImageJ TIFF" if tiff.is_imagej else "OME TIFF" if tiff.is_ome else "TIFF"
        count = int(np.prod(shape[:-2], dtype=int))
        description = describe(kind, count, shape, series.dtype, sampling)

    def frames() -> Iterator[Frame]:
        with tifffile.TiffFile(path) as tiff:
            for pixels in _planes(tiff.series[number], count, shape[-2:], colour):
                yield pixels, FrameInfo(sampling=sampling)

    return FrameSource(path, description, count, frames, tuple(notes), sampling)


def _series_number(path: Path, tiff: Any, part: Optional[str]) -> int:
    if not tiff.series:
        raise FileUnreadable(f"{path} holds no image")
    if part is None:
        return int(np.argmax([series.size for series in tiff.series]))
    if not part.isdigit() or int(part) >= len(tiff.series):
        raise FileUnreadable(f"{path} has no series {part!r}: choose a number from 0 to {len(tiff.series) - 1}")
    return int(part)


def _image_shape(path: Path, series: Any) -> tuple[tuple[int, ...], bool]:
    """Shape without the colour axis, ending in (rows, columns); and whether there was one."""
    axes, shape = series.axes, tuple(int(n) for n in series.shape)
    colour = axes.endswith("S") and shape[-1] in {3, 4}
    if colour:
        axes, shape = axes[:-1], shape[:-1]
    if not axes.endswith("YX"):
        raise FileUnreadable(f"{path}: axes {series.axes} of shape {series.shape} do not end in rows and columns")
    return shape, colour


def _planes(series: Any, count: int, sides: tuple[int, ...], colour: bool) -> Iterator[np.ndarray]:
    if len(series.pages) == count:
        for page in series.pages:
            if page is None:
                raise EOFError("a page is missing")
            yield _grey(page.asarray(), sides, colour)
        return
    # planes that are not pages of their own (ImageJ's contiguous stacks): mapped where the file allows, not loaded
    whole = series.asarray(out="memmap")
    for plane in whole.reshape((count, *sides, -1) if colour else (count, *sides)):
        yield _grey(plane, sides, colour)


def _grey(pixels: np.ndarray, sides: tuple[int, ...], colour: bool) -> np.ndarray:
    if not colour:
        return pixels.reshape(sides)
    if pixels.shape[-1] not in {3, 4}:  # planar configuration: the colours are the first axis
        pixels = np.moveaxis(pixels, 0, -1)
    return luminance(pixels)


def _sampling(tiff: Any, series: Any) -> Optional[Sampling]:
    """From OME's or ImageJ's description, a maker's tags, or a resolution too fine to be a print's."""
    if tiff.is_ome:
        found = _ome_sampling(tiff.ome_metadata)
    elif tiff.is_imagej:
        unit = (tiff.imagej_metadata or {}).get("unit")
        found = None if unit is None else _resolution(series.keyframe, unit)
    else:
        found = _maker_sampling(tiff)
    if found is not None or tiff.is_imagej:
        return found
    return _resolution(series.keyframe, {3: "cm"}.get(_tag(series.keyframe, "ResolutionUnit"), ""), coarsest=_COARSEST_MICROSCOPE)


def _ome_sampling(description: str) -> Optional[Sampling]:
    for element in ElementTree.fromstring(description).iter():
        if element.tag.endswith("}Pixels"):
            value = element.get
            rows = value("PhysicalSizeY"), value("PhysicalSizeYUnit", "µm")
            return sampling_of(*rows, value("PhysicalSizeX"), value("PhysicalSizeXUnit", "µm"))
    return None


def _maker_sampling(tiff: Any) -> Optional[Sampling]:
    """Calibrations in tags of their own: Gatan's, Thermo Fisher's."""
    page, scan = tiff.pages[0], (tiff.fei_metadata or {}).get("Scan", {})
    if scan:
        return sampling_of(scan.get("PixelHeight"), "m", scan.get("PixelWidth"), "m")
    row, column = ((_tag(page, scale), _tag(page, unit)) for unit, scale in (_GATAN_ROW, _GATAN_COLUMN))
    return sampling_of(*row, *column)


def _resolution(page: Any, unit: str, coarsest: float = float("inf")) -> Optional[Sampling]:
    """From the tags XResolution and YResolution: pixels per `unit`, as fractions."""
    steps = []
    for name in ("YResolution", "XResolution"):
        pixels, length = _tag(page, name) or (0, 0)
        steps.append(length / pixels if pixels else None)
    found = sampling_of(steps[0], unit, steps[1], unit)
    return found if found is not None and max(found) < coarsest else None


def _tag(page: Any, name: Union[str, int]) -> Any:
    tag = page.tags.get(name)
    return None if tag is None else tag.value
