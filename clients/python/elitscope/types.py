"""What a frame brings and what its analysis gives back, as plain immutable values (NumPy only).

Conventions, everywhere: axis order (row, column); origin at the centre of the first pixel; pixels unless a name says otherwise;
`sampling` in Å per pixel; times in seconds unless the name ends in `_ms`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import numpy as np

from elitscope.errors import FrameInvalid, rejection_error
from elitscope.hotspots import HotspotTable

Sampling = tuple[float, float]
SamplingLike = Union[float, Sequence[float], None]

OUTPUTS = ("mean", "std", "atoms", "hotspots", "members")
"""What a client can ask for: mean map, ensemble spread, atoms, places of doubt, every member's own map."""

USUAL_OUTPUTS = ("mean", "std", "atoms", "hotspots")
"""What our clients ask for unless they are told otherwise."""

ATOM_DTYPE = np.dtype(
    [
        ("row", "<f4"),
        ("column", "<f4"),
        ("class_id", "<i4"),
        ("probability", "<f4"),
        ("support", "<f4"),
        ("sigma_row", "<f4"),
        ("sigma_column", "<f4"),
        ("area", "<f4"),
    ]
)
"""One atom: 32 packed bytes, little-endian; the wire's record too (`clients/PROTOCOL.md`)."""


def as_sampling(value: SamplingLike, name: str = "sampling") -> Optional[Sampling]:
    """A (row, column) pair of finite positive Å/px, or None where it is unknown.

    >>> as_sampling(0.12)
    (0.12, 0.12)
    >>> as_sampling((0.12, 0.13))
    (0.12, 0.13)

    Raises:
        FrameInvalid: not one or two positive finite numbers.
    """
    if value is None:
        return None
    pair: tuple[Any, ...] = (value, value) if isinstance(value, numbers.Real) else tuple(value)  # type: ignore[arg-type]
    if len(pair) != 2 or not all(isinstance(v, numbers.Real) and math.isfinite(v) and float(v) > 0 for v in pair):
        raise FrameInvalid(f"{name} {value!r} is not usable: give one positive number in Å/px, or two for (row, column)")
    return float(pair[0]), float(pair[1])


class AtomTable(np.ndarray):
    """Atoms of one frame: a structured array of `ATOM_DTYPE`, one row an atom, that knows its sampling.

    Fields: `row`, `column` (px, centre of the first pixel is 0); `class_id` (index into the result's classes); `probability` (mean map
    averaged over the blob, 0–1; with a calibrated bundle the share of such atoms that proved right); `support` (fraction of active members
    that see the atom, 0–1); `sigma_row`, `sigma_column` (px, population standard deviation of the members' positions, calibrated the error
    along that axis; NaN where fewer than two members detect it); `area` (px of the frame).
    """

    sampling: Optional[Sampling]

    @classmethod
    def from_records(cls, records: np.ndarray, sampling: SamplingLike = None) -> AtomTable:
        """A table over `records` ([n] of `ATOM_DTYPE`; not copied), positions of which are in px of a frame with this sampling."""
        if records.dtype != ATOM_DTYPE or records.ndim != 1:
            raise ValueError(f"atoms must be a 1-D array of ATOM_DTYPE, not {records.ndim}-D of {records.dtype}")
        table = records.view(cls)
        table.sampling = as_sampling(sampling)
        return table

    def __array_finalize__(self, parent: Any) -> None:
        self.sampling = getattr(parent, "sampling", None)

    def positions(self, unit: str = "px") -> np.ndarray:
        """Positions as float64 [n, 2], (row, column), in `unit` "px" or "angstrom".

        Raises:
            ValueError: another unit, or Å asked for where the sampling is unknown.
        """
        points: np.ndarray = np.stack([self["row"], self["column"]], axis=-1).view(np.ndarray).astype(float).reshape(-1, 2)
        if unit == "px":
            return points
        if unit != "angstrom":
            raise ValueError(f'unit {unit!r} is not one of "px", "angstrom"')
        if self.sampling is None:
            raise ValueError('positions("angstrom") needs a sampling, and this frame has none: give `sampling` (Å/px) with the frame')
        scaled: np.ndarray = points * np.asarray(self.sampling)
        return scaled


@dataclass(frozen=True)
class FrameInfo:
    """What the microscope knows about a frame; everything may be unknown (None).

    `sampling`, `field_of_view`: (row, column) in Å/px and Å; where only the field of view is known, the sampling follows from it.
    `acquired_at`: Unix time in seconds; `dwell_time`: seconds per pixel; `rotation`: scan rotation in degrees; `channel`: detector, "HAADF"
    say; `high_tension`: volts; `metadata`: anything else that JSON can hold, at most 2 KiB of it.
    """

    sampling: Optional[Sampling] = None
    field_of_view: Optional[Sampling] = None
    acquired_at: Optional[float] = None
    dwell_time: Optional[float] = None
    rotation: Optional[float] = None
    channel: Optional[str] = None
    high_tension: Optional[float] = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """Where a frame's time went in the server, in milliseconds; `total_ms` runs from receipt to the reply being handed to the socket."""

    queue_ms: float = 0.0
    preprocess_ms: float = 0.0
    inference_ms: float = 0.0
    atoms_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True)
class Result:
    """One analysed frame.

    `mean`, `std`: float32 [class, row, column] on the frame's grid, background left out; `std` is the population standard deviation
    over the active members (the ELIT paper's uncertainty) and None with one active member. `member_maps`: float32 [member, class, row,
    column] in the order of `members`. `hotspots`: places that are out of line with the rest of the frame, the strongest first, often none.
    Outputs that were not asked for are None. `revision`, `ensemble`, `members`, `plan` say exactly what
    made it. `sequence` counts the stream's results within `epoch`, one run of the server.
    """

    frame_id: int
    stream: str
    sequence: int
    ensemble: str
    ensemble_version: str
    members: tuple[int, ...]
    revision: int
    plan: str
    classes: tuple[str, ...]
    sampling: Optional[Sampling]
    warnings: tuple[str, ...]
    timing: Timing
    mean: Optional[np.ndarray] = None
    std: Optional[np.ndarray] = None
    atoms: Optional[AtomTable] = None
    hotspots: Optional[HotspotTable] = None
    member_maps: Optional[np.ndarray] = None
    epoch: str = ""


@dataclass(frozen=True)
class Rejection:
    """The one answer of a frame that was not analysed: `code` from `elitscope.errors.CODES`, `message` in words."""

    frame_id: int
    stream: str
    code: str
    message: str

    def raise_(self) -> None:
        """Raise the exception of `elitscope.errors` that belongs to the code."""
        raise rejection_error(self.code, self.message)


def parse_outputs(outputs: Iterable[str]) -> tuple[str, ...]:
    """Outputs in their standard order, without repeats.

    >>> parse_outputs(["atoms", "mean"])
    ('mean', 'atoms')

    Raises:
        ValueError: an unknown name, or none at all.
    """
    wanted = [outputs] if isinstance(outputs, str) else list(outputs)
    unknown = [name for name in wanted if name not in OUTPUTS]
    if unknown or not wanted:
        raise ValueError(f"outputs {wanted!r}: choose at least one of {', '.join(OUTPUTS)}")
    return tuple(name for name in OUTPUTS if name in wanted)
