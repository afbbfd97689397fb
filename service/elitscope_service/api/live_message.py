"""Live frames for viewers, as one binary WebSocket message: the parts of a RESULT of the wire protocol in a container.

    uint32 number of parts · uint32 length of each · the parts, each from a multiple of 8 bytes on

all little-endian, so that a browser can lay typed arrays over the message without copying.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from elitscope.codec import encode
from elitscope.messages import ResultMessage
from elitscope.types import Result
from elitscope_service.api.pictures import Array, fitting_scale, shrunk
from elitscope_service.api.problems import coded
from elitscope_service.publications import INACTIVE, MEMBERS, PREVIEW, SUMMARY, only

OUTPUTS = ("frame", "mean", "std", "atoms", "hotspots", "members", "inactive")
DTYPES = ("uint8", "float32")
ALIGNMENT = 8
MOST_RATE = 60.0
STD_TOP = 0.5
"""The largest standard deviation that values from 0 to 1 can have."""
BLACK, WHITE = 0.5, 99.5
"""Percentiles of a frame's pixels that become 0 and 255."""
SAMPLE = 100_000
"""Pixels that percentiles are taken of, about."""
_OF_KIND = {MEMBERS: ("members",), INACTIVE: ("mean", "members")}
"""What a viewer gets of the publications of maps: deselected networks' come with the mean of the frame that they are of."""


@dataclass(frozen=True)
class LiveOptions:
    """What a viewer wants. `scale`: px per px of the frame; `rate`: messages a second, at most, on average, of each kind."""

    outputs: tuple[str, ...] = ("frame", "mean", "atoms")
    scale: float = 1.0
    dtype: str = "uint8"
    rate: float = 10.0

    @classmethod
    def parse(cls, query: Any) -> Self:
        """From a WebSocket's query.

        Raises:
            ProblemError: 422, quoting what can't be.
        """
        wanted = [name for name in query.get("outputs", ",".join(cls.outputs)).split(",") if name]
        if not wanted or not set(wanted) <= set(OUTPUTS):
            raise coded("request_invalid", f"outputs {query.get('outputs')!r:.80}: give some of {', '.join(OUTPUTS)}, with commas between")
        dtype = query.get("dtype", cls.dtype)
        if dtype not in DTYPES:
            raise coded("request_invalid", f"dtype {dtype!r:.80} is none of {', '.join(DTYPES)}")
        scale, rate = _number(query, "scale", cls.scale, 1.0), _number(query, "rate", cls.rate, MOST_RATE)
        return cls(tuple(name for name in OUTPUTS if name in wanted), scale, dtype, rate)

    def kinds(self) -> tuple[str, ...]:
        """The publications that it takes."""
        pictures = {"frame", "mean", "std"}.intersection(self.outputs)
        every = {"atoms", "hotspots"}.intersection(self.outputs)
        shown = (PREVIEW,) if pictures else (SUMMARY,) if every else ()
        return (*shown, *((MEMBERS,) if "members" in self.outputs else ()), *((INACTIVE,) if "inactive" in self.outputs else ()))


def live_message(message: ResultMessage, kind: str, options: LiveOptions) -> bytes:
    """The part of a publication of this kind that a viewer wants, in a container."""
    result = message.result
    outputs = _OF_KIND.get(kind) or tuple(name for name in options.outputs if name not in ("members", "inactive"))
    levels: dict[str, tuple[float, float]] = {}
    reduced = only(result, outputs)
    frame = message.frame if "frame" in outputs else None
    shape = _shape(message)
    scale = fitting_scale(shape, options.scale) if shape else options.scale
    if frame is not None:
        frame, levels["frame"] = _reduced_frame(frame, scale, options.dtype)
    for name, field, top in (("mean", "mean", 1.0), ("std", "std", STD_TOP), ("members", "member_maps", 1.0)):
        maps = getattr(reduced, field)
        if maps is not None:
            changed: dict[str, Any] = {field: _reduced_maps(maps, scale, options.dtype, top)}
            reduced = replace(reduced, **changed)
            levels[name] = (0.0, top)
    parts = encode(ResultMessage(reduced, frame))
    header = json.loads(parts[1])
    header.update({"kind": kind, "scale": scale, "shape": list(shape)})
    if options.dtype == "uint8":
        header["levels"] = levels
    return pack_parts([parts[0], json.dumps(header, separators=(",", ":")).encode(), *parts[2:]])


def pack_parts(parts: Sequence[Any]) -> bytes:
    """Several parts as one message.

    >>> pack_parts([b"ab", b"c"]).hex(" ", 4)
    '02000000 02000000 01000000 00000000 61620000 00000000 63000000 00000000'
    """
    sizes = [len(part) for part in parts]
    packed = bytearray(struct.pack(f"<I{len(sizes)}I", len(sizes), *sizes))
    for part in parts:
        packed += bytes(-len(packed) % ALIGNMENT)
        packed += part
    return bytes(packed + bytes(-len(packed) % ALIGNMENT))


def unpack_parts(data: bytes) -> list[memoryview]:
    """The parts of a message.

    >>> [bytes(part) for part in unpack_parts(pack_parts([b"ab", b"", b"c"]))]
    [b'ab', b'', b'c']
    """
    view, (count,) = memoryview(data), struct.unpack_from("<I", data)
    place, parts = 4 + 4 * count, []
    for size in struct.unpack_from(f"<{count}I", data, 4):
        place += -place % ALIGNMENT
        parts.append(view[place : place + size])
        place += size
    return parts


def _shape(message: ResultMessage) -> tuple[int, ...]:
    """Of the frame, (rows, columns); empty where nothing tells."""
    result: Result = message.result
    for array in (message.frame, result.mean, result.member_maps):
        if array is not None:
            return tuple(array.shape[-2:])
    return ()


def _reduced_frame(pixels: Array, scale: float, dtype: str) -> tuple[Array, tuple[float, float]]:
    small = shrunk(np.asarray(pixels, np.float32), scale)
    if dtype == "float32":
        return small, (0.0, 1.0)
    sample = small.ravel()[:: max(1, small.size // SAMPLE)]
    finite = sample[np.isfinite(sample)]
    low, high = (float(level) for level in np.percentile(finite, (BLACK, WHITE))) if finite.size else (0.0, 1.0)
    return _levels(small, low, high if high > low else low + 1.0), (low, high)


def _reduced_maps(maps: Array, scale: float, dtype: str, top: float) -> Array:
    flat = maps.reshape(-1, *maps.shape[-2:])
    small = np.stack([shrunk(one, scale) for one in flat])
    reduced = _levels(small, 0.0, top) if dtype == "uint8" else small
    return reduced.reshape(*maps.shape[:-2], *small.shape[1:])


def _levels(values: Array, low: float, high: float) -> Array:
    scaled = np.clip((np.nan_to_num(values, nan=low) - np.float32(low)) * np.float32(255 / (high - low)), 0, 255)
    levels: Array = np.rint(scaled).astype(np.uint8)
    return levels


def _number(query: Any, name: str, default: float, most: float) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= most:
        raise coded("request_invalid", f"{name} {text!r:.80} must be a number above 0 and at most {most:g}")
    return value
