"""What instruments write beside their images (voltage, dwell time, rotation, detector, time), found by one table of places."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Optional

from elitscope.types import FrameInfo, Sampling

_FILETIME_EPOCH = 11_644_473_600
"""Seconds from 1601, when Windows' clock starts, to 1970."""


def instrument_info(metadata: Mapping[str, Any], original: Mapping[str, Any], sampling: Optional[Sampling]) -> FrameInfo:
    """Everything in HyperSpy's `metadata` and a maker's `original` metadata that has a place in a `FrameInfo`.

    A local time without a zone is kept as text, `metadata["acquired_local"]`: nobody here knows which clock it was read from.
    """
    found: dict[str, Any] = {}
    for path, name, convert in _PLACES:
        value = _at(original, path)
        value = _at(metadata, path) if value is None else value
        converted = None if value is None else _converted(convert, value)
        if converted is not None:
            found.setdefault(name, converted)
    free: dict[str, Any] = {}
    general = metadata.get("General", {})
    if general.get("title"):
        free["title"] = str(general["title"])[:120]
    if "BinaryResult" in original and general.get("title"):  # Velox calls its images by their detectors
        found.setdefault("channel", str(general["title"])[:64])
    if "acquired_at" not in found and general.get("date"):
        free["acquired_local"] = f"{general['date']} {general.get('time', '')}".strip()[:40]
    return FrameInfo(sampling=sampling, metadata=free, **found)


def _positive(factor: float) -> Callable[[Any], Optional[float]]:
    """Files say 0 where nobody filled it in."""

    def convert(value: Any) -> Optional[float]:
        number = float(value) * factor
        return float(f"{number:.6g}") if math.isfinite(number) and number > 0 else None

    return convert


def _degrees(factor: float) -> Callable[[Any], Optional[float]]:
    def convert(value: Any) -> Optional[float]:
        number = float(value) * factor
        return number if math.isfinite(number) else None

    return convert


def _unix_time(value: Any) -> Optional[float]:
    seconds = float(value)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _text(value: Any) -> Optional[str]:
    text = str(value).strip() if isinstance(value, (str, bytes)) else ""
    return text[:64] or None


def _filetime(value: Any) -> Optional[float]:
    """Windows' clock: units of 100 ns since 1601, UTC."""
    seconds = float(value) / 1e7 - _FILETIME_EPOCH
    return seconds if seconds > 0 else None


_GATAN = "ImageList.TagGroup0.ImageTags."
_PLACES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    # Gatan DigitalMicrograph
    (_GATAN + "Microscope Info.Voltage", "high_tension", _positive(1)),
    (_GATAN + "DigiScan.Sample Time", "dwell_time", _positive(1e-6)),
    (_GATAN + "DigiScan.Rotation", "rotation", _degrees(1)),
    (_GATAN + "DataBar.Signal Name", "channel", _text),
    (_GATAN + "DataBar.Acquisition Time (OS)", "acquired_at", _filetime),
    # Thermo Fisher Velox
    ("Optics.AccelerationVoltage", "high_tension", _positive(1)),
    ("Scan.DwellTime", "dwell_time", _positive(1)),
    ("Scan.ScanRotation", "rotation", _degrees(180 / math.pi)),
    ("BinaryResult.Detector", "channel", _text),
    ("Acquisition.AcquisitionStartDatetime.DateTime", "acquired_at", _unix_time),
    # Thermo Fisher TIA
    ("ObjectInfo.ExperimentalDescription.High_tension_kV", "high_tension", _positive(1e3)),
    # HyperSpy's own vocabulary, which other readers translate into
    ("Acquisition_instrument.TEM.beam_energy", "high_tension", _positive(1e3)),
    ("Acquisition_instrument.TEM.dwell_time", "dwell_time", _positive(1)),
)


def _at(tree: Mapping[str, Any], path: str) -> Any:
    """The value at a path of names joined by dots; some readers' trees are mappings only by attribute."""
    node: Any = tree
    for name in path.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return None
        node = node[name]
    return node


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        return None
