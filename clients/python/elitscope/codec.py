"""Messages to parts and parts to messages, without I/O: `[prefix, JSON header, raw buffers ...]`, checked on the way in.

The prefix is six bytes: `ELIT`, the protocol version, the kind. Pixels and maps travel as they lie in memory, described in the header. What a
client sends is checked to the last key, since the server must survive anything; what a server sends may hold keys of a newer server.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Callable, Optional, Union

import numpy as np

from elitscope.errors import FrameInvalid, MessageInvalid
from elitscope.messages import (
    POLICIES,
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

Part = Union[bytes, bytearray, memoryview]

MAGIC = b"ELIT"
VERSION = 1
MAX_HEADER_BYTES = 4096
MAX_METADATA_BYTES = 2048
MAX_PARTS = 8
MAX_DONE = 64
PIXEL_DTYPES = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
STREAM_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SESSION_ID = re.compile(r"[0-9a-f]{32}")

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

_MAX_WARNINGS = 16
_MAX_TEXT = 240
_INFO_NUMBERS = ("acquired_at", "dwell_time", "rotation", "high_tension")
_INFO_PAIRS = ("sampling", "field_of_view")
_ABSENT = object()


# ---------------------------------------------------------------------------------------------------------------- writing


def encode(message: Union[ClientMessage, ServerMessage]) -> list[Any]:
    """The parts of a message, ready for `send_multipart`; array parts share memory with the message's arrays, the largest come last.

    Raises:
        FrameInvalid: the pixels, the metadata or the names can't travel.
    """
    header, buffers = _WRITERS[type(message)](message)
    return [prefix(type(message)), _dump(header, MAX_HEADER_BYTES, "header"), *buffers]


def encode_publication(topic: str, message: ServerMessage) -> list[Any]:
    """The parts of a publication: the topic, which must end in "/" so that no topic is another one's prefix, then the message's parts.

    Raises:
        ValueError: the topic has no terminator.
    """
    if not topic.endswith("/"):
        raise ValueError(f'topic {topic!r} must end in "/"')
    return [topic.encode(), *encode(message)]


def prefix(kind: type) -> bytes:
    """The six bytes that every message of this kind starts with.

    >>> prefix(Hello)
    b'ELIT\\x01\\x01'
    """
    return MAGIC + bytes((VERSION, KINDS[kind]))


def wire_pixels(pixels: Any) -> np.ndarray:
    """`pixels` as a C-ordered, little-endian, real 2-D array, copied only where it must be. Booleans become uint8.

    Raises:
        FrameInvalid: not 2-D, empty, or of a dtype that is no real number.
    """
    array = np.asarray(pixels)
    if array.ndim != 2 or array.size == 0:
        raise FrameInvalid(f"a frame is a 2-D array with at least one pixel, not one of shape {array.shape}")
    if array.dtype == bool:
        array = array.view(np.uint8) if array.flags.c_contiguous else array.astype(np.uint8)
    little = array.dtype.newbyteorder("<")
    if little.str not in PIXEL_DTYPES:
        raise FrameInvalid(f"dtype {array.dtype} can't be sent: use a real integer or floating dtype of 8 to 64 bits")
    return np.ascontiguousarray(array, dtype=little)


def _dump(value: Any, limit: int, name: str) -> bytes:
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameInvalid(f"{name} can't be written as JSON: {error}") from error
    if len(text) > limit:
        raise FrameInvalid(f"{name} is {len(text)} bytes of JSON, the limit is {limit}: send less metadata")
    return text


def _present(pairs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def _write_hello(message: Hello) -> tuple[dict[str, Any], list[Any]]:
    return {"session": message.session, "software": message.software}, []


def _write_frame(message: FrameMessage) -> tuple[dict[str, Any], list[Any]]:
    pixels = wire_pixels(message.pixels)
    info = message.info
    header = {
        "session": message.session,
        "frame_id": message.frame_id,
        "stream": message.stream,
        "shape": list(pixels.shape),
        "dtype": pixels.dtype.str,
        "outputs": list(message.outputs),
        "policy": message.policy,
        "channel": info.channel,
        "deadline_ms": message.deadline_ms,
        "partial": message.partial or None,
        "valid_rows": message.valid_rows,
        "done": list(message.done) or None,
        **{key: getattr(info, key) for key in _INFO_NUMBERS + _INFO_PAIRS},
    }
    if info.metadata:
        header["metadata"] = json.loads(_dump(dict(info.metadata), MAX_METADATA_BYTES, "metadata"))
    return _present(header), [memoryview(pixels).cast("B")]


def _write_ping(message: Ping) -> tuple[dict[str, Any], list[Any]]:
    return _present({"session": message.session, "token": message.token, "done": list(message.done) or None}), []


def _write_bye(message: Bye) -> tuple[dict[str, Any], list[Any]]:
    return {"session": message.session}, []


def _write_welcome(message: Welcome) -> tuple[dict[str, Any], list[Any]]:
    ensemble = None if message.ensemble is None else asdict(message.ensemble)
    return _present({"epoch": message.epoch, "server": message.server, "limits": asdict(message.limits), "ensemble": ensemble}), []


def _write_pong(message: Pong) -> tuple[dict[str, Any], list[Any]]:
    return {"epoch": message.epoch, "token": message.token, "pending": list(message.pending)}, []


def _write_reject(message: Reject) -> tuple[dict[str, Any], list[Any]]:
    return {"frame_id": message.frame_id, "stream": message.stream, "code": message.code, "message": message.message[: 4 * _MAX_TEXT]}, []


def _write_result(message: ResultMessage) -> tuple[dict[str, Any], list[Any]]:
    result = message.result
    named = (
        ("atoms", result.atoms),
        ("mean", result.mean),
        ("std", result.std),
        ("members", result.member_maps),
        ("frame", None if message.frame is None else wire_pixels(message.frame)),
    )
    arrays = [(name, np.ascontiguousarray(array)) for name, array in named if array is not None]
    header = {
        "frame_id": result.frame_id,
        "stream": result.stream,
        "sequence": result.sequence,
        "epoch": result.epoch,
        "ensemble": result.ensemble,
        "ensemble_version": result.ensemble_version,
        "members": list(result.members),
        "revision": result.revision,
        "plan": result.plan,
        "classes": list(result.classes),
        "sampling": result.sampling,
        "warnings": [warning[:_MAX_TEXT] for warning in result.warnings[:_MAX_WARNINGS]],
        "timing": {key: round(value, 4) for key, value in asdict(result.timing).items()},
        "arrays": [{"name": name, "dtype": "atom" if name == "atoms" else a.dtype.str, "shape": list(a.shape)} for name, a in arrays],
    }
    return _present(header), [memoryview(a.view(np.ndarray).view(np.uint8) if a.size else b"").cast("B") for _, a in arrays]


def _write_body(message: Union[Status, Event]) -> tuple[dict[str, Any], list[Any]]:
    return {"encoding": "json"}, [json.dumps(message.body, separators=(",", ":")).encode()]


_WRITERS: dict[type, Callable[[Any], tuple[dict[str, Any], list[Any]]]] = {
    Hello: _write_hello,
    FrameMessage: _write_frame,
    Ping: _write_ping,
    Bye: _write_bye,
    Welcome: _write_welcome,
    Pong: _write_pong,
    Reject: _write_reject,
    ResultMessage: _write_result,
    Status: _write_body,
    Event: _write_body,
}


# ---------------------------------------------------------------------------------------------------------------- reading


def decode_client(parts: Sequence[Part], limits: Limits = Limits()) -> ClientMessage:  # noqa: B008 - frozen
    """What a client sent. Pixels are a view of the last part where its memory is aligned, otherwise a copy.

    Raises:
        MessageInvalid: anything that the protocol does not allow; carries the code, and the frame id where one could be read.
    """
    kind, header, buffers = _open(parts)
    reader = _CLIENT_READERS.get(kind)
    if reader is None:
        raise MessageInvalid("protocol_mismatch", f"kind {kind} is nothing that a client sends")
    fields = _Fields(header)
    try:
        message = reader(fields, buffers, limits)
        fields.finish()
    except MessageInvalid as error:
        if error.frame_id is None and kind == KINDS[FrameMessage]:
            error.frame_id = _frame_id_of(header)
        raise
    return message


def decode_server(parts: Sequence[Part]) -> ServerMessage:
    """What a server sent. Keys that this version does not know are ignored.

    Raises:
        ProtocolMismatch, MessageInvalid: it can't be read.
    """
    kind, header, buffers = _open(parts)
    reader = _SERVER_READERS.get(kind)
    if reader is None:
        raise MessageInvalid("protocol_mismatch", f"kind {kind} is nothing that a server sends")
    try:
        return reader(header, buffers)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MessageInvalid("header_invalid", f"a message of kind {kind} can't be read: {error!r}") from error


def decode_publication(parts: Sequence[Part]) -> tuple[str, ServerMessage]:
    """Topic and message of a publication.

    Raises:
        MessageInvalid: it can't be read.
    """
    if not parts:
        raise MessageInvalid("protocol_mismatch", "a publication of no parts")
    return bytes(parts[0]).decode("utf-8", "replace"), decode_server(parts[1:])


def is_stream_name(name: Any) -> bool:
    """Whether a name can be a stream's: `[a-z0-9][a-z0-9_.-]{0,63}`.

    >>> is_stream_name("haadf"), is_stream_name("HAADF 1")
    (True, False)
    """
    return isinstance(name, str) and STREAM_NAME.fullmatch(name) is not None


def _open(parts: Sequence[Part]) -> tuple[int, dict[str, Any], Sequence[Part]]:
    """Kind, header and buffers of a message that is ours by its prefix."""
    if not parts or len(parts[0]) != len(MAGIC) + 2 or bytes(parts[0])[:4] != MAGIC:
        raise MessageInvalid("protocol_mismatch", "this is no elitscope message: the first part must be ELIT, version, kind (6 bytes)")
    version, kind = bytes(parts[0])[4:]
    if version != VERSION:
        raise MessageInvalid("protocol_mismatch", f"protocol version {version} is not spoken here, {VERSION} is: update the older side")
    if not 2 <= len(parts) <= MAX_PARTS:
        raise MessageInvalid("header_invalid", f"a message has 2 to {MAX_PARTS} parts, not {len(parts)}")
    if len(parts[1]) > MAX_HEADER_BYTES:
        raise MessageInvalid("header_invalid", f"the header is {len(parts[1])} bytes, the limit is {MAX_HEADER_BYTES}")
    try:
        header = json.loads(bytes(parts[1]).decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise MessageInvalid("header_invalid", f"the header is no JSON object: {str(error)[:_MAX_TEXT]}") from error
    if not isinstance(header, dict):
        raise MessageInvalid("header_invalid", f"the header is a JSON {type(header).__name__}, not an object")
    return kind, header, parts[2:]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands there twice")
    return result


def _frame_id_of(header: Mapping[str, Any]) -> Optional[int]:
    value = header.get("frame_id")
    return value if _is_integer(value) and 0 <= value < 2**64 else None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class _Fields:
    """Takes a header apart key by key, quoting what does not fit; whatever is left at the end was never allowed."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._left = dict(header)

    def finish(self) -> None:
        if self._left:
            raise MessageInvalid("header_invalid", f"unknown header keys {sorted(map(str, self._left))[:5]}")

    def take(self, key: str, default: Any = _ABSENT) -> Any:
        value = self._left.pop(key, None)
        if value is None:
            if default is _ABSENT:
                raise MessageInvalid("header_invalid", f"header key {key!r} is missing")
            return default
        return value

    def check(self, key: str, value: Any, ok: bool, rule: str, code: str = "header_invalid") -> Any:
        if not ok:
            raise MessageInvalid(code, f"{key} {_short(value)}: {rule}")
        return value

    def session(self) -> str:
        value = self.take("session")
        ok = isinstance(value, str) and SESSION_ID.fullmatch(value) is not None
        return str(self.check("session", value, ok, "must be 32 lower-case hex digits"))

    def integer(self, key: str, low: int, high: int, default: Any = _ABSENT) -> int:
        value = self.take(key, default)
        return int(self.check(key, value, _is_integer(value) and low <= value < high, f"must be an integer from {low} to {high - 1}"))

    def number(self, key: str, positive: bool = False) -> Optional[float]:
        value = self.take(key, None)
        if value is None:
            return None
        ok = _is_number(value) and (not positive or value > 0)
        self.check(key, value, ok, "must be a positive number" if positive else "must be a number")
        return float(value)

    def pair(self, key: str) -> Optional[tuple[float, float]]:
        value = self.take(key, None)
        if value is None:
            return None
        ok = isinstance(value, list) and len(value) == 2 and all(_is_number(v) and v > 0 for v in value)
        self.check(key, value, ok, "must be two positive numbers, (row, column)", "frame_invalid")
        return float(value[0]), float(value[1])

    def text(self, key: str, default: Any = _ABSENT) -> Any:
        value = self.take(key, default)
        return self.check(key, value, value is default or (isinstance(value, str) and len(value) <= _MAX_TEXT), f"must be text of at most {_MAX_TEXT} characters")

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        value = self.take(key, default)
        return str(self.check(key, value, isinstance(value, str) and value in choices, f"must be one of {', '.join(choices)}"))

    def integers(self, key: str, most: int) -> tuple[int, ...]:
        value = self.take(key, [])
        ok = isinstance(value, list) and len(value) <= most and all(_is_integer(v) and 0 <= v < 2**64 for v in value)
        return tuple(self.check(key, value, ok, f"must be a list of at most {most} integers from 0 to 2^64 - 1"))


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _no_buffers(buffers: Sequence[Part]) -> None:
    if buffers:
        raise MessageInvalid("header_invalid", f"this kind of message has no buffers, {len(buffers)} came")


def _read_hello(fields: _Fields, buffers: Sequence[Part], limits: Limits) -> Hello:
    _no_buffers(buffers)
    return Hello(fields.session(), fields.text("software", ""))


def _read_ping(fields: _Fields, buffers: Sequence[Part], limits: Limits) -> Ping:
    _no_buffers(buffers)
    return Ping(fields.session(), fields.integer("token", 0, 2**64, 0), fields.integers("done", MAX_DONE))


def _read_bye(fields: _Fields, buffers: Sequence[Part], limits: Limits) -> Bye:
    _no_buffers(buffers)
    return Bye(fields.session())


def _read_frame(fields: _Fields, buffers: Sequence[Part], limits: Limits) -> FrameMessage:
    session, frame_id = fields.session(), fields.integer("frame_id", 0, 2**64)
    stream = fields.take("stream")
    fields.check("stream", stream, is_stream_name(stream), "must match [a-z0-9][a-z0-9_.-]{0,63}")
    shape, dtype = fields.take("shape"), fields.take("dtype")
    pixels = _read_pixels(fields, shape, dtype, buffers, limits)
    outputs = fields.take("outputs", ["mean", "std", "atoms"])
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


def _read_pixels(fields: _Fields, shape: Any, dtype: Any, buffers: Sequence[Part], limits: Limits) -> np.ndarray:
    ok = isinstance(shape, list) and len(shape) == 2 and all(_is_integer(side) and 1 <= side <= limits.side for side in shape)
    fields.check("shape", shape, ok, f"must be [rows, columns], each from 1 to {limits.side}", "frame_invalid")
    fields.check("dtype", dtype, isinstance(dtype, str) and dtype in PIXEL_DTYPES, f"must be one of {', '.join(PIXEL_DTYPES)}", "frame_invalid")
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


def _read_info(fields: _Fields, shape: tuple[int, ...]) -> FrameInfo:
    metadata = fields.take("metadata", {})
    fields.check("metadata", metadata, isinstance(metadata, dict), "must be an object")
    if len(json.dumps(metadata, separators=(",", ":"))) > MAX_METADATA_BYTES:
        raise MessageInvalid("header_invalid", f"metadata is over {MAX_METADATA_BYTES} bytes")
    pairs = {key: fields.pair(key) for key in _INFO_PAIRS}
    if pairs["sampling"] is None and pairs["field_of_view"] is not None:
        view = pairs["field_of_view"]
        pairs["sampling"] = view[0] / shape[0], view[1] / shape[1]
    numbers = {key: fields.number(key) for key in _INFO_NUMBERS}
    return FrameInfo(channel=fields.text("channel", None), metadata=metadata, **pairs, **numbers)


def _read_valid_rows(fields: _Fields, rows: int) -> Optional[tuple[int, int]]:
    value = fields.take("valid_rows", None)
    if value is None:
        return None
    ok = isinstance(value, list) and len(value) == 2 and all(_is_integer(v) for v in value) and 0 <= value[0] < value[1] <= rows
    fields.check("valid_rows", value, ok, f"must be [first, stop] with 0 <= first < stop <= {rows}")
    return value[0], value[1]


_CLIENT_READERS: dict[int, Callable[[_Fields, Sequence[Part], Limits], ClientMessage]] = {
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
        ensemble = EnsembleSummary(
            given["name"], given["version"], tuple(given["classes"]), tuple(given["members"]), float(given["sampling"]), (float(low), float(high))
        )
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
        member_maps=arrays.get("members"),
        epoch=header.get("epoch", ""),
    )
    return ResultMessage(result, arrays.get("frame"))


def _read_status(header: Mapping[str, Any], buffers: Sequence[Part]) -> Status:
    return Status(json.loads(bytes(buffers[0])))


def _read_event(header: Mapping[str, Any], buffers: Sequence[Part]) -> Event:
    return Event(json.loads(bytes(buffers[0])))


_SERVER_READERS: dict[int, Callable[[Mapping[str, Any], Sequence[Part]], ServerMessage]] = {
    KINDS[Welcome]: _read_welcome,
    KINDS[ResultMessage]: _read_result,
    KINDS[Reject]: _read_reject,
    KINDS[Pong]: _read_pong,
    KINDS[Status]: _read_status,
    KINDS[Event]: _read_event,
}
