"""What the server tells: ensembles, streams, selections, members, who changed what.

Immutable, with the server's own document in `document`, so that what a newer server says is not lost. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional


@dataclass(frozen=True)
class Ensemble:
    """An ensemble that the server has found. `state`: "on_disk", "loading", "ready" or "failed", then `why`; `sampling` in Å/px."""

    name: str
    state: str
    why: Optional[str] = None
    version: Optional[str] = None
    classes: tuple[str, ...] = ()
    members: tuple[int, ...] = ()
    sampling: Optional[float] = None
    trained_on: Optional[str] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class StreamFigures:
    """A stream that the server knows: the networks in force, counts since it started, and the latency of recent frames."""

    name: str
    ensemble: Optional[str] = None
    members: tuple[int, ...] = ()
    revision: int = 0
    results: int = 0
    rejections: int = 0
    rate_hz: Optional[float] = None
    queue_depth: Optional[int] = None
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ServerStatus:
    """Whether frames can be sent, and if not `why`; what there is (nothing is asked where the server is not ready)."""

    address: str
    ready: bool
    why: str = ""
    ensembles: tuple[Ensemble, ...] = ()
    streams: tuple[StreamFigures, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


@dataclass(frozen=True)
class HoldInfo:
    """An operator has taken the stream: changes by controllers are refused. `until` is None where it has no end of its own."""

    holder: str
    until: Optional[float] = None
    reason: str = ""


@dataclass(frozen=True)
class SelectionInfo:
    """The networks in force for a stream.

    `members`: all ids of the ensemble, ascending; `active`: those in use; `preference`: all ids, most trusted first; `since`: when it came
    into force; `first_frame_id`: the first frame analysed with it, None until one came.
    """

    stream: str
    ensemble: str
    members: tuple[int, ...]
    active: tuple[int, ...]
    revision: int
    author: str = ""
    role: str = ""
    reason: str = ""
    since: Optional[float] = None
    first_frame_id: Optional[int] = None
    min_members: int = 1
    preference: tuple[int, ...] = ()
    hold: Optional[HoldInfo] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def inactive(self) -> tuple[int, ...]:
        """The ids that are deselected."""
        return tuple(member for member in self.members if member not in self.active)


@dataclass(frozen=True)
class MemberInfo:
    """One network of a stream's ensemble, with its `metrics` on the test set and its live `figures` (None where not known) on one frame."""

    id: int
    active: bool
    metrics: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Optional[float]] = field(default_factory=dict)
    frame_id: Optional[int] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class AuditEntry:
    """Who changed what, when and why, and what became of it.

    `stream` or `subject` (an ensemble, say): what it was done to; `before` and `after`: (ensemble, active ids), None where it was no change
    of networks, then `value`; `outcome`: "applied", "refused" (then `code` and `detail`) or "unknown"; `first_frame_id`: the first frame
    analysed under `revision`, None until one came.
    """

    at: float
    action: str
    author: str
    role: str = ""
    stream: str = ""
    subject: str = ""
    reason: str = ""
    revision: Optional[int] = None
    before: Optional[tuple[str, tuple[int, ...]]] = None
    after: Optional[tuple[str, tuple[int, ...]]] = None
    value: str = ""
    outcome: str = "applied"
    code: str = ""
    detail: str = ""
    first_frame_id: Optional[int] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def applied(self) -> bool:
        return self.outcome == "applied"


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event: `name` ("selection", "ensemble", "stream_started", ...) and what it says."""

    name: str
    body: Mapping[str, Any]
    id: Optional[str] = None
