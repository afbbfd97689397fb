"""Frames from the microscope makers' own formats: everything that rosettasciio reads (dm3, dm4, emd, mrc, hspy, ser, emi, ...)."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from elitscope.files.errors import FileUnreadable, need
from elitscope.files.instrument import instrument_info
from elitscope.files.source import COLOUR_NOTE, Frame, FrameSource, check_dtype, describe, frame_count, luminance, take
from elitscope.files.units import DiffractionUnit, angstroms, sampling_of
from elitscope.types import FrameInfo, Sampling

Signal = Mapping[str, Any]
"""What rosettasciio returns for one dataset: `data` (lazy where the format allows), `axes`, `metadata`, `original_metadata`."""


def extensions() -> tuple[str, ...]:
    """Every extension that the installed rosettasciio reads, lower case, without the dot.

    Raises:
        MissingLibrary: rosettasciio is not installed.
    """
    return tuple(sorted({extension.lower() for plugin in _plugins() for extension in plugin["file_extensions"]}))


def open_microscope_file(path: Path, part: Optional[str], extension: Optional[str] = None) -> FrameSource:
    """Any file that rosettasciio reads: the image named or numbered `part`, or the first (a HAADF one rather than others).

    `extension`: how to read the file, where that is not what its name says.
    """
    signals, notes = _read(path, extension or path.suffix[1:].lower())
    signal, others = _choose(path, signals, part)
    data = signal["data"]
    shape, colour = tuple(int(n) for n in data.shape), data.dtype.names is not None
    if not colour:
        check_dtype(data.dtype, path)
    count = frame_count(shape, path)
    info = _info(signal, shape)
    if colour:
        notes.append(COLOUR_NOTE)
    if others:
        notes.append(f"image {_title(signal)!r} is analysed; the file also holds {', '.join(others)} (choose with {path.name}::NAME)")

    def frames() -> Iterator[Frame]:
        for index in range(count):
            yield _grey(take(data, index)), info

    description = describe(f"{path.suffix[1:]} {_title(signal)}".strip(), count, shape, data.dtype, info.sampling)
    return FrameSource(path, description, count, frames, tuple(notes), info.sampling)


_LOGS_AND_SPECTRA = {"DENS", "Impulse", "MSA", "Protochips", "Quadstar"}
"""Formats that never hold an image."""


def _plugins() -> list[Any]:
    every = need("rsciio", "reading microscope files").IO_PLUGINS
    return [plugin for plugin in every if plugin["name"] not in _LOGS_AND_SPECTRA]


def _read(path: Path, extension: str) -> tuple[list[Signal], list[str]]:
    """Signals of the file, and warnings of the library, by the first plug-in for the extension that can read it."""
    failures: list[Exception] = []
    for plugin in _plugins():
        if extension in {known.lower() for known in plugin["file_extensions"]}:
            try:
                return _read_with(plugin["api"], path)
            except Exception as error:  # noqa: BLE001 - another plug-in may know this extension's other format; the failures are raised below
                failures.append(error)
    # a file that a reader found broken says more than a reader that is not installed
    failures.sort(key=lambda error: isinstance(error, ImportError))
    raise failures[0] if failures else FileUnreadable(f"{path}: rosettasciio has no reader for .{extension}")


def _read_with(api: str, path: Path) -> tuple[list[Signal], list[str]]:
    reader = importlib.import_module(api).file_reader
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            signals = reader(str(path), lazy=True)
        except Exception:  # noqa: BLE001 - some formats, and some files of others, can only be loaded whole
            signals = reader(str(path))
    return list(signals), [str(warning.message) for warning in caught if warning.category is UserWarning]


def _choose(path: Path, signals: list[Signal], part: Optional[str]) -> tuple[Signal, list[str]]:
    images = [signal for signal in signals if _is_image(signal)]
    if part is not None:
        chosen = [signal for i, signal in enumerate(images) if part in {str(i), _title(signal)}]
        if not chosen:
            raise FileUnreadable(f"{path} holds no image {part!r}; it holds {', '.join(_title(s) for s in images) or 'none'}")
        return chosen[0], []
    if not images:
        kinds = ", ".join(f"{_title(s) or 'data'} {tuple(s['data'].shape)}" for s in signals)
        raise FileUnreadable(f"{path} holds no image or movie; it holds {kinds or 'nothing'}")
    real = [signal for signal in images if not _is_diffraction(signal)]
    if not real:
        units = {str(axis.get("units")) for axis in images[0]["axes"][-2:]}
        raise FileUnreadable(f"{path} holds diffraction patterns (axes in {', '.join(sorted(units))}): there are no atoms to find in them")
    dark_field = [signal for signal in real if "HAADF" in _title(signal).upper()]
    chosen_signal = (dark_field or real)[0]
    return chosen_signal, [_title(s) or f"image {i}" for i, s in enumerate(images) if s is not chosen_signal]


def _is_image(signal: Signal) -> bool:
    """Two signal axes over at most one axis of frames. Readers that don't tell the kinds of axes apart call all of them signal axes."""
    shape = signal["data"].shape
    navigation = [axis for axis in signal["axes"] if axis.get("navigate")]
    if len(shape) < 2 or len(shape) - len(navigation) < 2:
        return False
    return len([n for n in shape[:-2] if n > 1]) <= 1 and min(shape[-2:]) > 1


def _is_diffraction(signal: Signal) -> bool:
    try:
        for axis in signal["axes"][-2:]:
            angstroms(axis.get("units"))
    except DiffractionUnit:
        return True
    return False


def _info(signal: Signal, shape: tuple[int, ...]) -> FrameInfo:
    return instrument_info(signal["metadata"], signal.get("original_metadata") or {}, _axes_sampling(signal, shape))


def _axes_sampling(signal: Signal, shape: tuple[int, ...]) -> Optional[Sampling]:
    axes = signal["axes"]
    if len(axes) < 2 or len(axes) > len(shape):
        return None
    row, column = axes[-2:]
    return sampling_of(row.get("scale"), row.get("units"), column.get("scale"), column.get("units"))


def _title(signal: Signal) -> str:
    title = signal["metadata"].get("General", {}).get("title", "")
    return str(title).strip()


def _grey(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.names is None:
        return pixels
    return luminance(np.stack([pixels[name] for name in pixels.dtype.names], axis=-1))
