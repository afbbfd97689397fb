"""Messages as clients send them, and a clock that stands still until it is told to move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.codec import decode_server, encode
from elitscope.messages import FrameMessage, Hello
from elitscope_service.engine.reception import Outgoing

SESSION = "00112233445566778899aabbccddeeff"
OTHER_SESSION = "f" * 32
PIXELS = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)


@dataclass
class Clock:
    """Seconds, moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def frame(frame_id: int = 0, **changes: Any) -> FrameMessage:
    """A frame of the test session, on stream "haadf"."""
    return FrameMessage(**{"session": SESSION, "frame_id": frame_id, "stream": "haadf", "pixels": PIXELS, **changes})


def frame_parts(frame_id: int = 0, **changes: Any) -> list[Any]:
    """The same, encoded."""
    return encode(frame(frame_id, **changes))


def hello_parts(session: str = SESSION) -> list[Any]:
    """A greeting, encoded."""
    return encode(Hello(session, "test"))


def read(outgoing: list[Outgoing] | Outgoing | None) -> list[Any]:
    """The messages behind what is to be sent."""
    several = outgoing if isinstance(outgoing, list) else [] if outgoing is None else [outgoing]
    return [decode_server([bytes(part) for part in one.parts]) for one in several]
