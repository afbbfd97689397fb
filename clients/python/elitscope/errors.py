"""Everything that can go wrong, whose fault it is, and what it is called on the wire, in REST and in Python: one table."""

from __future__ import annotations

from dataclasses import dataclass


class ElitscopeError(Exception):
    """Base of every error that elitscope raises on purpose; `code` is stable, the text is for people."""

    code = "internal"


class FrameInvalid(ElitscopeError, ValueError):
    """The frame can't be analysed as sent: shape, dtype, sampling or contents."""

    code = "frame_invalid"


class MessageInvalid(ElitscopeError, ValueError):
    """A message does not follow the protocol. Carries what could be read of it, so that the sender can be told."""

    def __init__(self, code: str, message: str, frame_id: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.frame_id = frame_id


class ProtocolMismatch(ElitscopeError):
    """The peer speaks another version of the protocol, or none."""

    code = "protocol_mismatch"


class Overloaded(ElitscopeError):
    """The server had no room for the frame."""

    code = "overloaded"


class DeadlineExceeded(ElitscopeError, TimeoutError):
    """The frame's time budget was spent before its analysis was done."""

    code = "deadline_exceeded"


class Superseded(ElitscopeError):
    """A newer frame of the same stream took this waiting frame's place (policy `latest`)."""

    code = "superseded"


class NotAuthorised(ElitscopeError, PermissionError):
    """The key is missing, unknown, expired, or not allowed to do this."""

    code = "not_authorised"


class ReplyLost(ElitscopeError):
    """The frame was answered before, and that answer is no longer kept: it is not analysed twice."""

    code = "reply_expired"


class ServerGone(ElitscopeError, ConnectionError):
    """Nothing was heard from the server for longer than the client was told to wait."""

    code = "server_gone"


class InternalError(ElitscopeError):
    """A defect of the server; the frame is not to blame."""

    code = "internal"


@dataclass(frozen=True)
class ErrorCode:
    """One row: the wire code, whose fault it is ("client", "server" or "load"), the REST status, and the Python exception."""

    code: str
    fault: str
    http_status: int
    exception: type[ElitscopeError]


CODES: dict[str, ErrorCode] = {
    row.code: row
    for row in (
        ErrorCode("frame_invalid", "client", 422, FrameInvalid),
        ErrorCode("frame_id_reused", "client", 409, FrameInvalid),
        ErrorCode("partial_unsupported", "client", 422, FrameInvalid),
        ErrorCode("header_invalid", "client", 400, FrameInvalid),
        ErrorCode("protocol_mismatch", "client", 400, ProtocolMismatch),
        ErrorCode("session_unknown", "server", 409, InternalError),
        ErrorCode("too_many_sessions", "load", 503, Overloaded),
        ErrorCode("too_many_streams", "load", 503, Overloaded),
        ErrorCode("credit_exceeded", "client", 429, Overloaded),
        ErrorCode("overloaded", "load", 503, Overloaded),
        ErrorCode("deadline_exceeded", "load", 504, DeadlineExceeded),
        ErrorCode("superseded", "load", 409, Superseded),
        ErrorCode("draining", "server", 503, Overloaded),
        ErrorCode("reply_expired", "client", 410, ReplyLost),
        ErrorCode("not_authorised", "client", 403, NotAuthorised),
        ErrorCode("internal", "server", 500, InternalError),
    )
}
"""Every code that a server can answer a frame with. `session_unknown` and `draining` are no final answers: the client greets again and
sends the frame once more."""


def rejection_error(code: str, message: str) -> ElitscopeError:
    """The exception for a wire code; a code of a newer server becomes a plain `ElitscopeError` that names it."""
    row = CODES.get(code)
    if row is None:
        return ElitscopeError(f"{code}: {message}")
    error = row.exception(message)
    error.code = code
    return error
