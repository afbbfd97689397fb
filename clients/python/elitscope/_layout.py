"""Sizes, names and numbers of the wire: the constants of `clients/PROTOCOL.md`."""

from __future__ import annotations

import re
from typing import Union

from elitscope.messages import Bye, Event, FrameMessage, Hello, Ping, Pong, Reject, ResultMessage, Status, Welcome

Part = Union[bytes, bytearray, memoryview]

MAGIC = b"ELIT"
VERSION = 1
MAX_HEADER_BYTES = 4096
MAX_METADATA_BYTES = 2048
MAX_PARTS = 8
MAX_DONE = 64
MAX_WARNINGS = 16
MAX_WARNING_BYTES = 2048
MAX_TEXT = 240
PIXEL_DTYPES = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
STREAM_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SESSION_ID = re.compile(r"[0-9a-f]{32}")

INFO_NUMBERS = ("acquired_at", "dwell_time", "rotation", "high_tension")
INFO_PAIRS = ("sampling", "field_of_view")

KINDS: dict[type, int] = {
    Hello: 1,
    FrameMessage: 2,
    Ping: 3,
    Bye: 4,
    Welcome: 65,
    ResultMessage: 66,
    Reject: 67,
    Pong: 68,
    Status: 80,
    Event: 81,
}
