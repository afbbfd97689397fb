"""The whole vocabulary of the wire, as frozen dataclasses; `codec` turns them into message parts and back.

`clients/PROTOCOL.md` is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import numpy as np

from elitscope.types import FrameInfo, Result

POLICIES = ("all", "latest")
"""`all`: every frame is analysed. `latest`: a newer `latest` frame of the same session and stream replaces one that still waits."""


WIRE_OUTPUTS = ("mean", "std", "atoms")
"""What a frame is answered with that does not say what it wants. Never more than this: old clients rely on it."""


@dataclass(frozen=True)
class Limits:
    """What the server accepts, announced in `Welcome`: credit in frames and bytes under way at once, and the size of one frame."""

    credit_frames: int = 8
    credit_bytes: int = 512 * 1024 * 1024
    frame_bytes: int = 256 * 1024 * 1024
    side: int = 16384


@dataclass(frozen=True)
class EnsembleSummary:
    """The ensemble that a new stream starts with."""

    name: str
    version: str
    classes: tuple[str, ...]
    members: tuple[int, ...]
    sampling: float
    sampling_range: tuple[float, float]


@dataclass(frozen=True)
class Hello:
    """Opens a session: `session` is 32 hex digits that the client drew at random and keeps for as long as it lives; it is a secret."""

    session: str
    software: str = ""


@dataclass(frozen=True)
class FrameMessage:
    """One frame to be analysed. `pixels`: [row, column], any real dtype, little-endian, C order.

    `frame_id`: unique in the session. `done`: ids of frames whose replies have arrived since the last message; the server forgets them.
    `deadline_ms`: what is left of the frame's time budget, counted by the server from receipt. `partial`: only the rows from
    `valid_rows[0]` up to, not including, `valid_rows[1]` have been scanned.
    """

    session: str
    frame_id: int
    stream: str
    pixels: np.ndarray
    info: FrameInfo = field(default_factory=FrameInfo)
    outputs: tuple[str, ...] = WIRE_OUTPUTS
    deadline_ms: Optional[float] = None
    policy: str = "all"
    partial: bool = False
    valid_rows: Optional[tuple[int, int]] = None
    done: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ping:
    """Asks whether the server is there and which of this session's frames it holds; `token` comes back in the `Pong`."""

    session: str
    token: int = 0
    done: tuple[int, ...] = ()


@dataclass(frozen=True)
class Bye:
    """Ends a session: the server forgets it and drops what still waits."""

    session: str


@dataclass(frozen=True)
class Welcome:
    """Answers `Hello`. `epoch` names this run of the server: another epoch than before means that it was restarted and knows no frames."""

    epoch: str
    server: str
    limits: Limits = field(default_factory=Limits)
    ensemble: Optional[EnsembleSummary] = None


@dataclass(frozen=True)
class Pong:
    """Answers `Ping`. `pending`: ids of the session's frames that wait or are being analysed. A frame sent before the ping that is neither
    pending nor answered before the pong was lost, and is to be sent again."""

    epoch: str
    token: int
    pending: tuple[int, ...] = ()


@dataclass(frozen=True)
class ResultMessage:
    """A frame's analysis. `frame`: the analysed pixels, [row, column]; only in publications for viewers."""

    result: Result
    frame: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Reject:
    """A frame, or a message that could not be read (`frame_id` None), was not analysed: why, by code and in words."""

    frame_id: Optional[int]
    stream: str
    code: str
    message: str


@dataclass(frozen=True)
class Status:
    """Published once a second and to every new subscriber: the state of the engine as one JSON object."""

    body: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """Published when something happens: a stream starts or stops, a selection comes into force, an ensemble changes state."""

    body: Mapping[str, Any]


ClientMessage = Union[Hello, FrameMessage, Ping, Bye]
ServerMessage = Union[Welcome, ResultMessage, Reject, Pong, Status, Event]
