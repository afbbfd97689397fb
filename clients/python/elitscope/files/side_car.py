"""Calibrations that stand in a JSON file beside the image (same name, `.json`), where the image itself holds none.

Two layouts are known, each explicit about quantities and units:

- Nion Swift's export as NumPy: `spatial_calibrations: [{offset, scale, units}, ...]`, one for each axis of the array.
- SciLink's: `experimental_details.spatial_info: {field_of_view_x, field_of_view_y, field_of_view_units}` (also without the outer level).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from elitscope.files.units import angstroms, sampling_of
from elitscope.types import FrameInfo

_LARGEST = 1 << 20


def side_car(path: Path) -> Optional[Path]:
    """The JSON file beside `path`, if there is one."""
    beside = path.with_suffix(".json")
    return beside if beside != path and beside.is_file() and beside.stat().st_size <= _LARGEST else None


def completed(info: FrameInfo, beside: Path, shape: tuple[int, int]) -> FrameInfo:
    """`info` with what the side-car knows of a frame of `shape` (rows, columns); unchanged where it has none of the known layouts.

    Raises:
        DiffractionUnit: the side-car says that the axes are reciprocal.
    """
    try:
        document = json.loads(beside.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError):
        return info
    if not isinstance(document, Mapping):
        return info
    if isinstance(document.get("spatial_calibrations"), list):
        return _nion(info, document)
    return _scilink(info, document, shape)


def _nion(info: FrameInfo, document: Mapping[str, Any]) -> FrameInfo:
    calibrations = [axis for axis in document["spatial_calibrations"] if isinstance(axis, Mapping)]
    if len(calibrations) < 2:
        return info
    row, column = calibrations[-2:]
    sampling = sampling_of(row.get("scale"), row.get("units"), column.get("scale"), column.get("units"))
    properties = _mapping(document.get("properties"))
    channel, pixel_time = properties.get("channel_name"), properties.get("pixel_time_us")
    return replace(
        info,
        sampling=sampling,
        channel=channel[:64] if isinstance(channel, str) else info.channel,
        dwell_time=pixel_time * 1e-6 if isinstance(pixel_time, (int, float)) and pixel_time > 0 else info.dwell_time,
    )


def _scilink(info: FrameInfo, document: Mapping[str, Any], shape: tuple[int, int]) -> FrameInfo:
    details = _mapping(document.get("experimental_details"))
    spatial = _mapping(details.get("spatial_info") or document.get("spatial_info"))
    unit, columns = spatial.get("field_of_view_units"), spatial.get("field_of_view_x")
    rows = spatial.get("field_of_view_y", columns)
    field_of_view = sampling_of(rows, unit, columns, unit)
    if field_of_view is None or angstroms(unit) is None:
        return info
    sampling = field_of_view[0] / shape[0], field_of_view[1] / shape[1]
    return replace(info, sampling=sampling, field_of_view=field_of_view, high_tension=_volts(details.get("voltage")) or info.high_tension)


def _volts(text: Any) -> Optional[float]:
    match = re.fullmatch(r"\s*([0-9.]+)\s*kV\s*", text) if isinstance(text, str) else None
    try:
        return float(match.group(1)) * 1e3 if match else None
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
