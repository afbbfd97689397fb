"""Messages to parts and parts to messages, without I/O: `[prefix, JSON header, raw buffers ...]`, checked on the way in.

The prefix is six bytes: `ELIT`, the protocol version, the kind. Pixels and maps travel as they lie in memory, described in the header. What
a client sends is checked to the last key, since the server must survive anything; what a server sends may hold keys of a newer server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from elitscope._fields import Fields, is_integer
from elitscope._layout import (
    KINDS,
    MAGIC,
    MAX_DONE,
    MAX_HEADER_BYTES,
    MAX_METADATA_BYTES,
    MAX_PARTS,
    MAX_TEXT,
    PIXEL_DTYPES,
    VERSION,
    Part,
)
from elitscope._readers import CLIENT_READERS, SERVER_READERS, is_stream_name
from elitscope._writers import WRITERS, dump, wire_pixels
from elitscope.errors import MessageInvalid
from elitscope.messages import ClientMessage, FrameMessage, Limits, ServerMessage

__all__ = [
    "MAX_DONE",
    "MAX_HEADER_BYTES",
    "MAX_METADATA_BYTES",
    "MAX_PARTS",
    "PIXEL_DTYPES",
    "VERSION",
    "Part",
    "decode_client",
    "decode_publication",
    "decode_server",
    "encode",
    "encode_publication",
    "is_stream_name",
    "prefix",
    "wire_pixels",
]


def encode(message: Union[ClientMessage, ServerMessage]) -> list[Any]:
    """The parts of a message, ready for `send_multipart`; array parts share memory with the message's arrays, the largest come last.

    Raises:
        FrameInvalid: the pixels, the metadata or the names can't travel.
    """
    header, buffers = WRITERS[type(message)](message)
    return [prefix(type(message)), dump(header, MAX_HEADER_BYTES, "header"), *buffers]


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

    >>> from elitscope.messages import Hello
    >>> prefix(Hello)
    b'ELIT\\x01\\x01'
    """
    return MAGIC + bytes((VERSION, KINDS[kind]))


def decode_client(parts: Sequence[Part], limits: Limits = Limits()) -> ClientMessage:  # noqa: B008 - frozen
    """What a client sent. Pixels are a view of the last part where its memory is aligned, otherwise a copy.

    Raises:
        MessageInvalid: anything that the protocol does not allow; carries the code, and the frame id where one could be read.
    """
    kind, header, buffers = _open(parts)
    reader = CLIENT_READERS.get(kind)
    if reader is None:
        raise MessageInvalid("protocol_mismatch", f"kind {kind} is nothing that a client sends")
    fields = Fields(header)
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
    reader = SERVER_READERS.get(kind)
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
        raise MessageInvalid("header_invalid", f"the header is no JSON object: {str(error)[:MAX_TEXT]}") from error
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
    value: Any = header.get("frame_id")
    return value if is_integer(value) and 0 <= value < 2**64 else None
