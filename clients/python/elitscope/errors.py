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


class Refused(ElitscopeError):
    """The server understood what was asked for and said no, or can't: nothing was changed. Base of what follows."""

    code = "request_invalid"


class NotFound(Refused, LookupError):
    """There is no such stream, ensemble, network or page."""

    code = "not_found"


class RequestInvalid(Refused, ValueError):
    """What was asked for can't be done as it was said."""

    code = "request_invalid"


class LastMember(Refused):
    """The change would leave a stream without an active network."""

    code = "last_member"


class RevisionMismatch(Refused):
    """Somebody else changed the selection since it was read: read it again, then decide again."""

    code = "revision_mismatch"


class Held(Refused):
    """An operator holds the stream, and who asked is a controller. The text names the holder."""

    code = "held"


class NothingToUndo(Refused):
    """There is no earlier selection to go back to, or its ensemble is gone."""

    code = "nothing_to_undo"


class EnsembleUnavailable(Refused):
    """The ensemble is not ready: it has to be loaded first, or it failed and says why."""

    code = "ensemble_unavailable"


class EnsembleInUse(Refused):
    """The ensemble analyses a stream, so it can't be taken away: choose another one for that stream first."""

    code = "ensemble_in_use"


class BundleInvalid(Refused, ValueError):
    """The bundle can't be used: its files, checksums or networks are not what they should be."""

    code = "bundle_invalid"


class NotReady(ElitscopeError):
    """The server answers, and its engine does not yet, or no ensemble is ready."""

    code = "not_ready"


class StoreUnavailable(ElitscopeError, ConnectionError):
    """The server's store does not answer: frames are analysed as before, nothing can be changed."""

    code = "store_unavailable"


class OutcomeUnknown(ElitscopeError, TimeoutError):
    """The change may be in force or not: nobody said in time. Asking again with the same idempotency key tells."""

    code = "outcome_unknown"


class InternalError(ElitscopeError):
    """A defect of the server; the frame is not to blame."""

    code = "internal"


@dataclass(frozen=True)
class ErrorCode:
    """One row: the wire code, whose fault it is ("client", "server" or "load"), the REST status, the Python exception, and whether it
    settles a frame: where it does not, the frame is sent once more and is new to the server then."""

    code: str
    fault: str
    http_status: int
    exception: type[ElitscopeError]
    final: bool = True


CODES: dict[str, ErrorCode] = {
    row.code: row
    for row in (
        ErrorCode("frame_invalid", "client", 422, FrameInvalid),
        ErrorCode("frame_id_reused", "client", 409, FrameInvalid),
        ErrorCode("partial_unsupported", "client", 422, FrameInvalid),
        ErrorCode("header_invalid", "client", 400, FrameInvalid),
        ErrorCode("protocol_mismatch", "client", 400, ProtocolMismatch),
        ErrorCode("session_unknown", "server", 409, InternalError, final=False),
        ErrorCode("too_many_sessions", "load", 503, Overloaded),
        ErrorCode("too_many_streams", "load", 503, Overloaded),
        ErrorCode("credit_exceeded", "client", 429, Overloaded),
        ErrorCode("overloaded", "load", 503, Overloaded),
        ErrorCode("deadline_exceeded", "load", 504, DeadlineExceeded),
        ErrorCode("superseded", "load", 409, Superseded),
        ErrorCode("draining", "server", 503, Overloaded, final=False),
        ErrorCode("reply_expired", "client", 410, ReplyLost),
        ErrorCode("not_authorised", "client", 403, NotAuthorised),
        ErrorCode("internal", "server", 500, InternalError),
        # from here on: answers of REST alone
        ErrorCode("request_invalid", "client", 422, RequestInvalid),
        ErrorCode("not_found", "client", 404, NotFound),
        ErrorCode("method_not_allowed", "client", 405, RequestInvalid),
        ErrorCode("stream_unknown", "client", 404, NotFound),
        ErrorCode("ensemble_unknown", "client", 404, NotFound),
        ErrorCode("member_unknown", "client", 422, NotFound),
        ErrorCode("no_frame_yet", "client", 404, NotFound),
        ErrorCode("no_spread", "client", 404, NotFound),
        ErrorCode("no_map", "client", 404, NotFound),
        ErrorCode("not_acceptable", "client", 406, RequestInvalid),
        ErrorCode("too_many_listeners", "load", 503, Overloaded),
        ErrorCode("last_member", "client", 409, LastMember),
        ErrorCode("revision_mismatch", "client", 412, RevisionMismatch),
        ErrorCode("held", "client", 423, Held),
        ErrorCode("nothing_to_undo", "client", 409, NothingToUndo),
        ErrorCode("idempotency_key_reused", "client", 409, RequestInvalid),
        ErrorCode("ensemble_unavailable", "server", 409, EnsembleUnavailable),
        ErrorCode("ensemble_in_use", "client", 409, EnsembleInUse),
        ErrorCode("ensemble_exists", "client", 409, RequestInvalid),
        ErrorCode("ensemble_not_uploaded", "client", 409, RequestInvalid),
        ErrorCode("bundle_invalid", "client", 422, BundleInvalid),
        ErrorCode("disk_full", "server", 507, Overloaded),
        ErrorCode("too_large", "client", 413, RequestInvalid),
        ErrorCode("rate_limited", "load", 429, Overloaded),
        ErrorCode("not_signed_in", "client", 401, NotAuthorised),
        ErrorCode("host_not_allowed", "client", 403, NotAuthorised),
        ErrorCode("not_ready", "server", 503, NotReady),
        ErrorCode("engine_silent", "server", 503, NotReady),
        ErrorCode("monitor_unavailable", "server", 503, NotReady),
        ErrorCode("store_unavailable", "server", 503, StoreUnavailable),
        ErrorCode("outcome_unknown", "server", 504, OutcomeUnknown),
    )
}
"""Every code that a server can answer with: frames by wire, calls by REST."""


def settles(code: str) -> bool:
    """Whether a rejection with this code is the frame's one answer; a newer server's codes are.

    >>> settles("frame_invalid"), settles("draining")
    (True, False)
    """
    row = CODES.get(code)
    return row is None or row.final


def rejection_error(code: str, message: str) -> ElitscopeError:
    """The exception for a code; a code of a newer server becomes a plain `ElitscopeError` that names it."""
    row = CODES.get(code)
    if row is None:
        return ElitscopeError(f"{code}: {message}")
    error = row.exception(message)
    error.code = code
    return error
