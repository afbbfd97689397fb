"""What a client's message leads to, and where an answer goes: the protocol's server side, without sockets.

Parts come in with the connection they came on, parts to send come out. Everything here belongs to the io thread; only the work queue behind
it is shared.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elitscope.codec import decode_client, encode
from elitscope.errors import MessageInvalid
from elitscope.messages import Bye, EnsembleSummary, FrameMessage, Hello, Ping, Pong, Reject, ServerMessage, Welcome
from elitscope_service.config import Limits
from elitscope_service.engine.answers import Answer, dropped_answer
from elitscope_service.engine.replies import ReplyCache
from elitscope_service.engine.sessions import Held, Session, SessionTable, Verdict
from elitscope_service.engine.streams import StreamTable
from elitscope_service.engine.work import WorkQueue
from elitscope_service.logs import LogLimit
from elitscope_service.scheduler import Job

logger = logging.getLogger(__name__)

ABANDONED = "abandoned"
"""Outcome of a waiting frame whose client said goodbye: nobody is there to be answered."""


@dataclass(frozen=True)
class Outgoing:
    """A message for the connection `route`."""

    route: bytes
    parts: Sequence[Any]


@dataclass(frozen=True)
class Greeting:
    """What every WELCOME says."""

    epoch: str
    server: str
    ensemble: EnsembleSummary | None = None


class Reception:
    """The server's side of every session.

    Args:
        limits: what the server takes on at most.
        work: where admitted frames go.
        greeting: called for every WELCOME and PONG, so that it is never out of date.
        notify: told of streams that start and stop.
        clock: monotonic seconds; `wall`: Unix seconds.
        why_not: why the user of a connection may not send (to a stream), empty where they may.
    """

    def __init__(
        self,
        limits: Limits,
        work: WorkQueue,
        greeting: Callable[[], Greeting],
        notify: Callable[[Mapping[str, Any]], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
        why_not: Callable[[str, str | None], str] = lambda user, stream: "",
    ) -> None:
        self.sessions = SessionTable(limits.sessions, limits.session_idle_s, limits.session_grace_s)
        self.streams = StreamTable(limits.streams, limits.stream_idle_s)
        self.replies = ReplyCache(limits.reply_cache_bytes)
        self.messages = 0
        self.repeated = 0
        self.refused: Counter[str] = Counter()
        self._limits = limits
        self._work = work
        self._greeting = greeting
        self._notify = notify
        self._clock = clock
        self._wall = wall
        self._why_not = why_not
        self._log_limit = LogLimit(10.0, clock)

    def receive(self, route: bytes, parts: Sequence[Any], user: str = "") -> list[Outgoing]:
        """A client's message, and what is to be sent for it at once. `user`: whose key the connection was made with."""
        self.messages += 1
        try:
            message = decode_client(parts, self._limits.on_the_wire())
        except MessageInvalid as error:
            return [self._refuse(route, error.frame_id, "", error.code, str(error))]
        frame_id, stream = (message.frame_id, message.stream) if isinstance(message, FrameMessage) else (None, None)
        if not isinstance(message, Bye) and (refusal := self._why_not(user, stream)):
            return [self._refuse(route, frame_id, stream or "", "not_authorised", refusal)]
        match message:
            case Hello():
                return [self._greet(route, message)]
            case FrameMessage():
                return self._take_frame(route, message)
            case Ping():
                return [self._pong(route, message)]
            case Bye():
                self._part_with(message.session)
        return []

    def answer(self, answer: Answer) -> Outgoing | None:
        """Settle a frame; what to send, or None where its client has gone. A frame that was settled before stays as it is."""
        job = answer.job
        session = self.sessions.find(job.session)
        if session is not None and job.frame_id not in session.pending:
            return None
        self._count(answer)
        if session is None:
            return None
        if answer.final:
            session.answer(job.frame_id, self._limits.answered_ids)
            self.replies.keep(job.session, job.frame_id, answer.parts)
        else:
            session.release(job.frame_id)
        return Outgoing(session.route, answer.parts)

    def tick(self) -> None:
        """Forget sessions and streams that are idle."""
        now = self._clock()
        for session in self.sessions.expire(now):
            self._forget_replies(session)
        for stream in self.streams.expire(now, self._work.depths()):
            self._notify({"event": "stream_stopped", "stream": stream.name})

    # ------------------------------------------------------------------------------------------------- a message each

    def _greet(self, route: bytes, hello: Hello) -> Outgoing:
        session, gone = self.sessions.greet(hello.session, route, self._clock())
        for silent in gone:
            self._forget_replies(silent)
        if session is None:
            text = f"{len(self.sessions)} clients are connected, which is the limit: close one, or raise limits.sessions"
            return self._refuse(route, None, "", "too_many_sessions", text)
        greeting = self._greeting()
        return _to(route, Welcome(greeting.epoch, greeting.server, self._limits.on_the_wire(), greeting.ensemble))

    def _pong(self, route: bytes, ping: Ping) -> Outgoing:
        session = self.sessions.hear(ping.session, route, self._clock())
        if session is None:
            return self._unknown(route, None, "")
        self.replies.forget(session.key, ping.done)
        return _to(route, Pong(self._greeting().epoch, ping.token, tuple(session.pending)))

    def _part_with(self, key: str) -> None:
        session = self.sessions.forget(key)
        if session is None:
            return
        self._forget_replies(session)
        for job in self._work.discard(key):
            self._count(Answer(job, ABANDONED, ()))

    def _take_frame(self, route: bytes, frame: FrameMessage) -> list[Outgoing]:
        now = self._clock()
        session = self.sessions.hear(frame.session, route, now)
        if session is None:
            return [self._unknown(route, frame.frame_id, frame.stream)]
        self.replies.forget(session.key, frame.done)
        kept = self.replies.find(session.key, frame.frame_id)
        match session.judge(frame.frame_id, lambda: fingerprint(frame), kept is not None):
            case Verdict.ADMIT:
                return self._admit(session, frame, now)
            case Verdict.REPEAT if kept is not None:
                self.repeated += 1
                return [Outgoing(route, kept)]
            case Verdict.REUSED:
                text = f"frame id {frame.frame_id} was used for other pixels in this session: count on"
                return [_to(route, Reject(frame.frame_id, frame.stream, "frame_id_reused", text))]
            case Verdict.EXPIRED:
                text = f"frame {frame.frame_id} was answered, and the answer is no longer kept: it is not analysed twice"
                return [_to(route, Reject(frame.frame_id, frame.stream, "reply_expired", text))]
        return []

    def _admit(self, session: Session, frame: FrameMessage, now: float) -> list[Outgoing]:
        """A frame that was not here before: into the queue with it, unless something is exhausted."""
        frame.pixels.flags.writeable = False
        limits, nbytes = self._limits, frame.pixels.nbytes
        if not session.has_credit(nbytes, limits.credit_frames, limits.credit_bytes):
            text = f"{len(session.pending)} frames with {session.pending_bytes} bytes are under way: wait for a reply before sending more"
            return [self._turn_away(session.route, frame, "credit_exceeded", text)]
        known = frame.stream in self.streams
        stream = self.streams.meet(frame.stream, now, self._wall())
        if stream is None:
            text = f"there are {len(self.streams)} streams, which is the limit: use one of them, or raise limits.streams"
            return [self._turn_away(session.route, frame, "too_many_streams", text)]
        if not known:
            self._notify({"event": "stream_started", "stream": frame.stream})
        deadline = None if frame.deadline_ms is None else now + frame.deadline_ms / 1e3
        job = Job(session.key, frame.frame_id, frame.stream, nbytes, now, deadline, frame.policy, frame, frame.pixels.size)
        dropped = self._work.submit(job)
        if dropped is not None and dropped.job is job:
            return [self._turn_away(session.route, frame, dropped.code, dropped.message)]
        # while the worker begins; its answer is looked at in this thread, after this
        session.admit(frame.frame_id, Held(fingerprint(frame), nbytes))
        if dropped is None:
            return []
        settled = self.answer(dropped_answer(dropped))
        return [] if settled is None else [settled]

    # ------------------------------------------------------------------------------------------------------ refusals

    def _turn_away(self, route: bytes, frame: FrameMessage, code: str, text: str) -> Outgoing:
        """A readable frame finds no room. It leaves no trace: sent again, it is judged anew."""
        stream = self.streams.find(frame.stream)
        if stream is not None:
            stream.figures.count(code, self._clock())
        else:
            self.refused[code] += 1
        return _to(route, Reject(frame.frame_id, frame.stream, code, text))

    def _unknown(self, route: bytes, frame_id: int | None, stream: str) -> Outgoing:
        """No fault of the client's after a restart: counted, not logged."""
        self.refused["session_unknown"] += 1
        text = "this server does not know the session (any more): send HELLO first"
        return _to(route, Reject(frame_id, stream, "session_unknown", text))

    def _refuse(self, route: bytes, frame_id: int | None, stream: str, code: str, text: str) -> Outgoing:
        self.refused[code] += 1
        held = self._log_limit.pass_on(code)
        if held is not None:
            logger.warning("a message was refused, %s: %s%s", code, text, f" ({held} more like it since the last line)" if held else "")
        return _to(route, Reject(frame_id, stream, code, text))

    # ------------------------------------------------------------------------------------------------------ accounting

    def _count(self, answer: Answer) -> None:
        stream = self.streams.find(answer.job.stream)
        if stream is not None:
            stream.figures.count(answer.outcome, self._clock(), answer.timing)

    def _forget_replies(self, session: Session) -> None:
        self.replies.forget(session.key, session.answered)


def fingerprint(frame: FrameMessage) -> int:
    """A checksum over a frame's pixels, shape, dtype and stream: tells a resend from another frame under the same id."""
    kind = f"{frame.stream} {frame.pixels.shape} {frame.pixels.dtype.str}"
    return zlib.crc32(frame.pixels.data, zlib.crc32(kind.encode()))


def _to(route: bytes, message: ServerMessage) -> Outgoing:
    return Outgoing(route, encode(message))
