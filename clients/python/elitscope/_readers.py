"""Header and buffers to messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

import numpy as np

from elitscope._fields import Fields, is_integer
from elitscope._layout import KINDS, MAX_DONE, MAX_METADATA_BYTES, PIXEL_DTYPES, STREAM_NAME, Part
from elitscope.errors import MessageInvalid
from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.messages import (
    POLICIES,
    WIRE_OUTPUTS,
    Bye,
    ClientMessage,
    EnsembleSummary,
    Event,
    FrameMessage,
    Hello,
    Limits,
    Ping,
    Pong,
    Reject,
    ResultMessage,
    ServerMessage,
    Status,
    Welcome,
)
from elitscope.types import ATOM_DTYPE, OUTPUTS, AtomTable, FrameInfo, Result, Timing


def is_stream_name(name: Any) -> bool:
    """Whether a name can be a stream's: `[a-z0-9][a-z0-9_.-]{0,63}`.

    >>> is_stream_name("haadf"), is_stream_name("HAADF 1")
    (True, False)
    """
    return isinstance(name, str) and STREAM_NAME.fullmatch(name) is not None


def _no_buffers(buffers: Sequence[Part]) -> None:
    if buffers:
        raise MessageInvalid("header_invalid", f"this kind of message has no buffers, {len(buffers)} came")


def _read_hello(fields: Fields, buffers: Sequence[Part], limits: Limits) -> Hello:
    _no_buffers(buffers)
    return Hello(fields.session(), fields.text("software", ""))


def _read_ping(fields: Fields, buffers: Sequence[Part], limits: Limits) -> Ping:
    _no_buffers(buffers)
    return Ping(fields.session(), fields.integer("token", 0, 2**64, 0), fields.integers("done", MAX_DONE))


def _read_bye(fields: Fields, buffers: Sequence[Part], limits: Limits) -> Bye:
    _no_buffers(buffers)
    return Bye(fields.session())


def _read_frame(fields: Fields, buffers: Sequence[Part], limits: Limits) -> FrameMessage:
    session, frame_id = fields.session(), fields.integer("frame_id", 0, 2**64)
    stream = fields.take("stream")
    fields.check("stream", stream, is_stream_name(stream), "must match [a-z0-9][a-z0-9_.-]{0,63}")
    shape, dtype = fields.take("shape"), fields.take("dtype")
    pixels = _read_pixels(fields, shape, dtype, buffers, limits)
    outputs = fields.take("outputs", list(WIRE_OUTPUTS))
    ok = isinstance(outputs, list) and bool(outputs) and all(isinstance(o, str) and o in OUTPUTS for o in outputs)
    fields.check("outputs", outputs, ok, f"must be a list of at least one of {', '.join(OUTPUTS)}")
    partial = fields.take("partial", False)
    fields.check("partial", partial, isinstance(partial, bool), "must be true or false")
    return FrameMessage(
        session=session,
        frame_id=frame_id,
        stream=stream,
        pixels=pixels,
        info=_read_info(fields, pixels.shape),
        outputs=tuple(name for name in OUTPUTS if name in outputs),
        deadline_ms=fields.number("deadline_ms", positive=True),
        policy=fields.choice("policy", POLICIES, "all"),
        partial=partial,
        valid_rows=_read_valid_rows(fields, pixels.shape[0]),
        done=fields.integers("done", MAX_DONE),
    )


def _read_pixels(fields: Fields, shape: Any, dtype: Any, buffers: Sequence[Part], limits: Limits) -> np.ndarray:
    ok = isinstance(shape, list) and len(shape) == 2 and all(is_integer(side) and 1 <= side <= limits.side for side in shape)
    fields.check("shape", shape, ok, f"must be [rows, columns], each from 1 to {limits.side}", "frame_invalid")
    ok = isinstance(dtype, str) and dtype in PIXEL_DTYPES
    fields.check("dtype", dtype, ok, f"must be one of {', '.join(PIXEL_DTYPES)}", "frame_invalid")
    if len(buffers) != 1:
        raise MessageInvalid("header_invalid", f"a frame has one buffer, its pixels, not {len(buffers)}")
    expected = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if expected > limits.frame_bytes:
        raise MessageInvalid("frame_invalid", f"a frame of {expected} bytes is too large, the limit is {limits.frame_bytes}")
    if len(buffers[0]) != expected:
        raise MessageInvalid("frame_invalid", f"{len(buffers[0])} bytes of pixels came where shape {shape} of {dtype} takes {expected}")
    return _array(buffers[0], np.dtype(dtype), shape)


def _array(buffer: Part, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """A view of the buffer, or a copy where its memory is misaligned (small ZeroMQ messages are)."""
    array = np.frombuffer(buffer, dtype).reshape(tuple(shape)) if len(buffer) else np.empty(tuple(shape), dtype)
    return array if array.flags.aligned else array.copy()


def _read_info(fields: Fields, shape: tuple[int, ...]) -> FrameInfo:
    metadata = fields.take("metadata", {})
    fields.check("metadata", metadata, isinstance(metadata, dict), "must be an object")
    if len(json.dumps(metadata, separators=(",", ":"))) > MAX_METADATA_BYTES:
        raise MessageInvalid("header_invalid", f"metadata is over {MAX_METADATA_BYTES} bytes")
    sampling, view = fields.pair("sampling"), fields.pair("field_of_view")
    if sampling is None and view is not None:
        sampling = view[0] / shape[0], view[1] / shape[1]
    return FrameInfo(
        sampling=sampling,
        field_of_view=view,
        acquired_at=fields.number("acquired_at"),
        dwell_time=fields.number("dwell_time"),
        rotation=fields.number("rotation"),
        channel=fields.text("channel", None),
        high_tension=fields.number("high_tension"),
        metadata=metadata,
    )


def _read_valid_rows(fields: Fields, rows: int) -> Optional[tuple[int, int]]:
    value = fields.take("valid_rows", None)
    if value is None:
        return None
    ok = isinstance(value, list) and len(value) == 2 and all(is_integer(v) for v in value) and 0 <= value[0] < value[1] <= rows
    fields.check("valid_rows", value, ok, f"must be [first, stop] with 0 <= first < stop <= {rows}")
    return value[0], value[1]


CLIENT_READERS: dict[int, Callable[[Fields, Sequence[Part], Limits], ClientMessage]] = {
    KINDS[Hello]: _read_hello,
    KINDS[FrameMessage]: _read_frame,
    KINDS[Ping]: _read_ping,
    KINDS[Bye]: _read_bye,
}


def _read_welcome(header: Mapping[str, Any], buffers: Sequence[Part]) -> Welcome:
    given = header.get("ensemble")
    ensemble = None
    if given is not None:
        low, high = given["sampling_range"]
        names = tuple(given["classes"]), tuple(given["members"])
        ensemble = EnsembleSummary(given["name"], given["version"], *names, float(given["sampling"]), (float(low), float(high)))
    limits = {key: int(header["limits"][key]) for key in ("credit_frames", "credit_bytes", "frame_bytes", "side")}
    return Welcome(header["epoch"], header["server"], Limits(**limits), ensemble)


def _read_pong(header: Mapping[str, Any], buffers: Sequence[Part]) -> Pong:
    return Pong(header["epoch"], int(header["token"]), tuple(header["pending"]))


def _read_reject(header: Mapping[str, Any], buffers: Sequence[Part]) -> Reject:
    return Reject(header.get("frame_id"), header["stream"], header["code"], header["message"])


def _read_result(header: Mapping[str, Any], buffers: Sequence[Part]) -> ResultMessage:
    described = header["arrays"]
    if len(described) != len(buffers):
        raise ValueError(f"{len(described)} arrays are described, {len(buffers)} came")
    arrays: dict[str, np.ndarray] = {}
    for entry, buffer in zip(described, buffers):
        dtype = ATOM_DTYPE if entry["dtype"] == "atom" else np.dtype(entry["dtype"])
        if dtype.hasobject:
            raise ValueError(f"dtype {entry['dtype']!r} is not allowed")
        arrays[entry["name"]] = _array(buffer, dtype, entry["shape"])
    sampling = None if header.get("sampling") is None else (float(header["sampling"][0]), float(header["sampling"][1]))
    atoms = None if "atoms" not in arrays else AtomTable.from_records(arrays["atoms"], sampling)
    hotspots = None if "hotspots" not in arrays else _read_hotspots(arrays["hotspots"])
    timing = header["timing"]
    result = Result(
        frame_id=int(header["frame_id"]),
        stream=header["stream"],
        sequence=int(header["sequence"]),
        ensemble=header["ensemble"],
        ensemble_version=header["ensemble_version"],
        members=tuple(header["members"]),
        revision=int(header["revision"]),
        plan=header["plan"],
        classes=tuple(header["classes"]),
        sampling=sampling,
        warnings=tuple(header["warnings"]),
        timing=Timing(**{key: float(timing[key]) for key in Timing.__dataclass_fields__}),
        mean=arrays.get("mean"),
        std=arrays.get("std"),
        atoms=atoms,
        hotspots=hotspots,
        member_maps=arrays.get("members"),
        epoch=header.get("epoch", ""),
    )
    return ResultMessage(result, arrays.get("frame"))


def _read_hotspots(records: np.ndarray) -> HotspotTable:
    if records.dtype.str != HOTSPOT_DTYPE.str:
        raise ValueError(f"hotspots are records of {HOTSPOT_DTYPE.itemsize} bytes ({HOTSPOT_DTYPE.str}), not {records.dtype.str}")
    return HotspotTable.from_records(records.view(HOTSPOT_DTYPE))


def _read_status(header: Mapping[str, Any], buffers: Sequence[Part]) -> Status:
    return Status(json.loads(bytes(buffers[0])))


def _read_event(header: Mapping[str, Any], buffers: Sequence[Part]) -> Event:
    return Event(json.loads(bytes(buffers[0])))


SERVER_READERS: dict[int, Callable[[Mapping[str, Any], Sequence[Part]], ServerMessage]] = {
    KINDS[Welcome]: _read_welcome,
    KINDS[ResultMessage]: _read_result,
    KINDS[Reject]: _read_reject,
    KINDS[Pong]: _read_pong,
    KINDS[Status]: _read_status,
    KINDS[Event]: _read_event,
}
