"""The client's side of a session, without I/O: messages and the passing of time go in, messages to send and answers come out.

It keeps the promise that every frame gets exactly one answer across lost replies, reconnections and restarts of the server:

- Frames wait here until the server's credit allows them, and are kept until they are answered.
- While frames are under way a `Ping` goes out every `heartbeat`. Messages of one connection keep their order, so a frame sent before the
  ping that the `Pong` does not list as pending, and that is still unanswered, was lost: it is sent again. The server recognises what it has
  answered before and repeats that answer.
- A server that does not know the session (it was restarted) says so; the client greets again, at most once a heartbeat, and sends
  everything unanswered again.
- Silence longer than `reconnect` asks for a new connection, longer than `give_up` fails what is under way.

    state      input                      next       what happens
    -----      -----                      ----       ------------
    GREETING   Welcome                    OPEN       everything unanswered is sent (again), as credit allows
    OPEN       Welcome                    OPEN       nothing, unless the epoch is another: the server was asked twice
    any        Reject session_unknown     GREETING   Hello
    any        Pong of another epoch      GREETING   Hello
    any        silence > reconnect        GREETING   new connection, Hello
    any        silence > give_up          GREETING   everything under way fails with ServerGone
    any        Reject without frame id    GREETING   everything under way fails with that error
    any        close                      CLOSED     Bye
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, Union

from elitscope.codec import MAX_DONE
from elitscope.errors import ElitscopeError, FrameInvalid, ServerGone, rejection_error, settles
from elitscope.messages import Bye, ClientMessage, FrameMessage, Hello, Limits, Ping, Pong, Reject, ResultMessage, ServerMessage, Welcome
from elitscope.types import Rejection, Result

Outcome = Union[Result, Rejection, ElitscopeError]


class State(enum.Enum):
    """Where the session stands."""

    GREETING = "greeting"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Timings:
    """Patience: seconds, and how many runs of the server a frame may go through before it is suspected of ending them."""

    heartbeat: float = 1.0
    reconnect: float = 3.0
    give_up: float = 20.0
    retry: float = 1.0
    runs: int = 5


@dataclass(frozen=True)
class Answer:
    """The one outcome of a frame: a result, a rejection, or the error that ended the wait for it."""

    frame_id: int
    outcome: Outcome


@dataclass
class _Flight:
    """A frame on its way: when its budget ends, and the number of the last ping before which it was sent (None: not sent)."""

    frame: FrameMessage
    expires: Optional[float]
    sent_before_ping: Optional[int] = None
    not_before: float = 0.0
    abandoned: bool = False
    epochs: set[str] = field(default_factory=set)


class Session:
    """One session of one client. Not thread-safe: whoever owns the socket owns this.

    `send` is drained by the owner into the socket; `reconnect_wanted` asks the owner for a new connection, and is reset by `reconnected()`.
    `failure` is why everything under way failed the last time, None again once the server has welcomed us.
    """

    def __init__(self, session: str, software: str, clock: Callable[[], float], timings: Timings = Timings()) -> None:
        self.state = State.GREETING
        self.welcome: Optional[Welcome] = None
        self.send: deque[ClientMessage] = deque()
        self.reconnect_wanted = False
        self.failure: Optional[ElitscopeError] = None
        self._session, self._software, self._clock, self._timings = session, software, clock, timings
        self._flights: dict[int, _Flight] = {}
        self._done: deque[int] = deque()
        self._ping_token = 0
        self._next_beat = clock()
        self._next_greeting = clock()
        self._silent_since = clock()
        self._connected_at = clock()

    @property
    def limits(self) -> Limits:
        """What the server allows; the defaults until it has answered."""
        return Limits() if self.welcome is None else self.welcome.limits

    @property
    def unanswered(self) -> int:
        """Frames handed in and not yet answered."""
        return sum(not flight.abandoned for flight in self._flights.values())

    # ------------------------------------------------------------------------------------------------------------ inputs

    def submit(self, frame: FrameMessage) -> None:
        """Take a frame; it goes out when the session is open and credit allows.

        Raises:
            FrameInvalid: a frame id that is under way already, or a frame over the server's limit.
        """
        if self.welcome is not None and (refusal := self._refusal(frame)) is not None:
            raise refusal
        if frame.frame_id in self._flights:
            raise FrameInvalid(f"frame id {frame.frame_id} is under way already: ids are unique in a session")
        now = self._clock()
        if not self._flights:
            self._silent_since = self._next_beat = now
            if self.state is State.OPEN:
                self._next_beat += self._timings.heartbeat
        expires = None if frame.deadline_ms is None else now + frame.deadline_ms / 1e3
        self._flights[frame.frame_id] = _Flight(frame, expires)
        self._pump(now)

    def greet(self) -> None:
        """Ask to be welcomed even where no frame waits."""
        self._silent_since = self._next_beat = self._clock()

    def receive(self, message: ServerMessage) -> list[Answer]:
        """Take what the server sent; the answers that it completes."""
        now = self._clock()
        self._silent_since = now
        answers: list[Answer] = []
        if isinstance(message, Welcome):
            answers = self._on_welcome(message)
        elif isinstance(message, Pong):
            self._on_pong(message)
        elif isinstance(message, ResultMessage):
            answers = self._on_answer(message.result.frame_id, message.result)
        elif isinstance(message, Reject):
            answers = self._on_reject(message, now)
        self._pump(now)
        return answers

    def tick(self) -> list[Answer]:
        """Let time pass; the answers that its passing makes: budgets spent, a server gone."""
        now = self._clock()
        answers = list(self._expire(now))
        if not self._waiting():
            return answers
        if now - self._silent_since >= self._timings.give_up:
            text = f"nothing was heard from the server for {now - self._silent_since:.0f} s: is it running, and the address right?"
            return answers + self.fail(ServerGone(text))
        if now - max(self._silent_since, self._connected_at) >= self._timings.reconnect:
            self.reconnect_wanted = True
        if now >= self._next_beat:
            self._beat(now)
        self._pump(now)
        return answers

    def reconnected(self) -> None:
        """The owner has a new connection: what was queued for the old one is void."""
        self.reconnect_wanted = False
        self._connected_at = self._next_greeting = self._clock()
        self._greet_again()

    def close(self) -> None:
        """Say goodbye; nothing is sent after it."""
        self.send.clear()
        if self.state is State.OPEN:
            self.send.append(Bye(self._session))
        self.state = State.CLOSED

    def wake_in(self) -> float:
        """Seconds until `tick` has something to do; at most a heartbeat."""
        now = self._clock()
        moments = [now + self._timings.heartbeat]
        if self._waiting():
            moments.append(self._next_beat)
        for flight in self._flights.values():
            if flight.expires is not None and not flight.abandoned:
                moments.append(flight.expires)
            if flight.not_before > now:
                moments.append(flight.not_before)
        return max(0.0, min(moments) - now)

    # ----------------------------------------------------------------------------------------------------------- reactions

    def _waiting(self) -> bool:
        return self.state is not State.CLOSED and (bool(self._flights) or self.welcome is None)

    def _on_welcome(self, message: Welcome) -> list[Answer]:
        if self.state is State.CLOSED:
            return []
        if self.welcome is not None and self.welcome.epoch != message.epoch:
            self._unsend_all()
        self.state, self.welcome, self.failure = State.OPEN, message, None
        self._next_beat = self._clock() + self._timings.heartbeat
        refused = {i: error for i, flight in self._flights.items() if (error := self._refusal(flight.frame, flight)) is not None}
        return [Answer(i, _outcome(self._flights.pop(i).frame, error)) for i, error in refused.items()]

    def _refusal(self, frame: FrameMessage, flight: Optional[_Flight] = None) -> Optional[ElitscopeError]:
        """Why a frame must not be sent, if it must not."""
        if frame.pixels.nbytes > self.limits.frame_bytes:
            return FrameInvalid(f"a frame of {frame.pixels.nbytes} bytes is over this server's limit of {self.limits.frame_bytes}")
        if max(frame.pixels.shape) > self.limits.side:
            return FrameInvalid(f"a frame of shape {frame.pixels.shape} is over this server's limit of {self.limits.side} px a side")
        runs = 0 if flight is None or self.welcome is None else len(flight.epochs - {self.welcome.epoch})
        if runs >= self._timings.runs:
            return ServerGone(f"the server ended {runs} times while frame {frame.frame_id} was under way: it is not sent again")
        return None

    def _on_pong(self, message: Pong) -> None:
        if self.welcome is not None and message.epoch != self.welcome.epoch:
            self._greet_again()
            return
        held = set(message.pending)
        for frame_id, flight in list(self._flights.items()):
            lost = flight.sent_before_ping is not None and flight.sent_before_ping <= message.token and frame_id not in held
            if lost and flight.abandoned:
                del self._flights[frame_id]
            elif lost:
                flight.sent_before_ping = None

    def _on_answer(self, frame_id: int, outcome: Outcome) -> list[Answer]:
        flight = self._flights.pop(frame_id, None)
        if flight is None:
            return []
        self._done.append(frame_id)
        return [] if flight.abandoned else [Answer(frame_id, outcome)]

    def _on_reject(self, message: Reject, now: float) -> list[Answer]:
        if message.code == "session_unknown":
            if self.state is State.OPEN:
                self._greet_again()
            return []
        if message.frame_id is None:
            return self.fail(rejection_error(message.code, message.message))
        flight = self._flights.get(message.frame_id)
        if flight is not None and not settles(message.code) and not flight.abandoned:
            flight.sent_before_ping, flight.not_before = None, now + self._timings.retry
            return []
        stream = message.stream or (flight.frame.stream if flight is not None else "")
        return self._on_answer(message.frame_id, Rejection(message.frame_id, stream, message.code, message.message))

    def _expire(self, now: float) -> Iterator[Answer]:
        for frame_id, flight in list(self._flights.items()):
            if flight.abandoned or flight.expires is None or now < flight.expires:
                continue
            flight.abandoned = True
            if flight.sent_before_ping is None:
                del self._flights[frame_id]
            budget = flight.frame.deadline_ms
            yield Answer(frame_id, Rejection(frame_id, flight.frame.stream, "deadline_exceeded", f"no answer within {budget:g} ms"))

    def fail(self, error: ElitscopeError) -> list[Answer]:
        """Give up on everything under way, because of `error`."""
        self.failure = error
        answers = [Answer(frame_id, error) for frame_id, flight in self._flights.items() if not flight.abandoned]
        self._flights.clear()
        self._silent_since = self._clock()
        self._greet_again()
        return answers

    # ------------------------------------------------------------------------------------------------------------- sending

    def _greet_again(self) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.GREETING
        self.send.clear()
        self._unsend_all()
        now = self._clock()
        self._next_beat = max(now, self._next_greeting)
        if self._next_beat == now:
            self._beat(now)

    def _unsend_all(self) -> None:
        for frame_id, flight in list(self._flights.items()):
            flight.sent_before_ping = None
            if flight.abandoned:
                del self._flights[frame_id]

    def _beat(self, now: float) -> None:
        self._next_beat = now + self._timings.heartbeat
        if self.state is State.GREETING:
            self._next_greeting = now + self._timings.heartbeat
            if not any(isinstance(message, Hello) for message in self.send):
                self.send.append(Hello(self._session, self._software))
        elif not any(isinstance(message, Ping) for message in self.send):
            self._ping_token += 1
            self.send.append(Ping(self._session, self._ping_token, self._take_done()))

    def _pump(self, now: float) -> None:
        """Send what credit allows, oldest first, so that frames of a stream keep their order."""
        if self.state is not State.OPEN:
            return
        sent = [flight for flight in self._flights.values() if flight.sent_before_ping is not None]
        frames, size = len(sent), sum(flight.frame.pixels.nbytes for flight in sent)
        for flight in self._flights.values():
            if flight.sent_before_ping is not None:
                continue
            size += flight.frame.pixels.nbytes
            if flight.not_before > now or frames >= self.limits.credit_frames or (frames and size > self.limits.credit_bytes):
                return
            frames += 1
            if self.welcome is not None:
                flight.epochs.add(self.welcome.epoch)
            flight.sent_before_ping = self._ping_token + 1
            left = None if flight.expires is None else max(0.001, (flight.expires - now) * 1e3)
            self.send.append(replace(flight.frame, session=self._session, deadline_ms=left, done=self._take_done()))

    def _take_done(self) -> tuple[int, ...]:
        return tuple(self._done.popleft() for _ in range(min(MAX_DONE, len(self._done))))


def _outcome(frame: FrameMessage, error: ElitscopeError) -> Outcome:
    """A frame that is to blame itself is rejected, as the server would have done; any other error ends the wait for it."""
    if isinstance(error, FrameInvalid):
        return Rejection(frame.frame_id, frame.stream, error.code, str(error))
    return error
