"""Messages to header and buffers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Callable, Union

import numpy as np

from elitscope._layout import INFO_NUMBERS, INFO_PAIRS, MAX_METADATA_BYTES, MAX_TEXT, MAX_WARNING_BYTES, MAX_WARNINGS, PIXEL_DTYPES
from elitscope.errors import FrameInvalid
from elitscope.messages import Bye, Event, FrameMessage, Hello, Ping, Pong, Reject, ResultMessage, Status, Welcome


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


def dump(value: Any, limit: int, name: str) -> bytes:
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise FrameInvalid(f"{name} can't be written as UTF-8 JSON: {error}") from error
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
        **{key: getattr(info, key) for key in INFO_NUMBERS + INFO_PAIRS},
    }
    if info.metadata:
        header["metadata"] = json.loads(dump(dict(info.metadata), MAX_METADATA_BYTES, "metadata"))
    return _present(header), [memoryview(pixels.data).cast("B")]


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
    return {"frame_id": message.frame_id, "stream": message.stream, "code": message.code, "message": message.message[: 4 * MAX_TEXT]}, []


def _write_result(message: ResultMessage) -> tuple[dict[str, Any], list[Any]]:
    result = message.result
    named = (
        ("atoms", result.atoms),
        ("hotspots", result.hotspots),
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
        "warnings": _fitting(result.warnings),
        "timing": {key: round(value, 4) for key, value in asdict(result.timing).items()},
        "arrays": [{"name": name, "dtype": "atom" if name == "atoms" else a.dtype.str, "shape": list(a.shape)} for name, a in arrays],
    }
    return _present(header), [_bytes_of(a) for _, a in arrays]


def _fitting(warnings: Sequence[str]) -> list[str]:
    """Warnings that leave room for the rest of the header: each in full where they are few, otherwise their codes."""
    short = [warning[:MAX_TEXT] for warning in warnings[:MAX_WARNINGS]]
    if sum(map(len, short)) <= MAX_WARNING_BYTES // 4:
        return short
    return [warning.partition(":")[0][: MAX_WARNING_BYTES // MAX_WARNINGS // 4] for warning in short]


def _bytes_of(array: np.ndarray) -> Any:
    return array.view(np.ndarray).reshape(-1).view(np.uint8).data if array.size else b""


def _write_body(message: Union[Status, Event]) -> tuple[dict[str, Any], list[Any]]:
    return {"encoding": "json"}, [json.dumps(message.body, separators=(",", ":")).encode()]


WRITERS: dict[type, Callable[[Any], tuple[dict[str, Any], list[Any]]]] = {
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
