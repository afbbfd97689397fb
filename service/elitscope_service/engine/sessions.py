"""Who is there, and what became of each of their frames.

A session is what its client says it is, by a random 128-bit id; the routing id that ROUTER gives to a connection only says where to send,
and is updated by any message of the session. What a frame with an id leads to, by what is known of that id and of its contents:

| the id is           | same contents        | other contents      |
| ------------------- | -------------------- | ------------------- |
| new                 | ADMIT                | (ADMIT)             |
| pending             | IGNORE: one reply is on its way | REUSED   |
| answered, reply kept| REPEAT the reply     | REUSED              |
| answered, not kept  | EXPIRED              | REUSED              |

REUSED is the answer to the resend alone: the frame that came first under that id still gets its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto


class Verdict(Enum):
    """What to do with a frame that arrived; see the table above."""

    ADMIT = auto()
    IGNORE = auto()
    REPEAT = auto()
    EXPIRED = auto()
    REUSED = auto()


@dataclass(frozen=True)
class Held:
    """A pending frame: the fingerprint of its contents and its size."""

    fingerprint: int
    nbytes: int


@dataclass
class Session:
    """One client. `route`: the connection it was last heard on; `last_heard`: monotonic seconds."""

    key: str
    route: bytes
    last_heard: float
    pending: dict[int, Held] = field(default_factory=dict)
    pending_bytes: int = 0
    answered: OrderedDict[int, int] = field(default_factory=OrderedDict)

    def judge(self, frame_id: int, fingerprint: Callable[[], int], reply_kept: bool) -> Verdict:
        """What to do with a frame of this id; its contents are only asked for where the id is known."""
        held = self.pending.get(frame_id)
        if held is not None:
            return Verdict.IGNORE if held.fingerprint == fingerprint() else Verdict.REUSED
        if frame_id not in self.answered:
            return Verdict.ADMIT
        if self.answered[frame_id] != fingerprint():
            return Verdict.REUSED
        return Verdict.REPEAT if reply_kept else Verdict.EXPIRED

    def has_credit(self, nbytes: int, frames_limit: int, bytes_limit: int) -> bool:
        """Whether another frame of this size is within the session's credit; one frame alone always is."""
        return not self.pending or (len(self.pending) < frames_limit and self.pending_bytes + nbytes <= bytes_limit)

    def admit(self, frame_id: int, held: Held) -> None:
        """The frame is pending from now on."""
        self.pending[frame_id] = held
        self.pending_bytes += held.nbytes

    def answer(self, frame_id: int, remembered: int) -> bool:
        """The pending frame is answered; its id stays known among the last `remembered` ones. False where it was not pending."""
        held = self.pending.pop(frame_id, None)
        if held is None:
            return False
        self.pending_bytes -= held.nbytes
        self.answered[frame_id] = held.fingerprint
        while len(self.answered) > remembered:
            self.answered.popitem(last=False)
        return True

    def release(self, frame_id: int) -> None:
        """The pending frame was not taken after all and was told so: sent again, it is a new one."""
        held = self.pending.pop(frame_id, None)
        if held is not None:
            self.pending_bytes -= held.nbytes


class SessionTable:
    """The sessions known to this run of the server.

    Args:
        limit: how many there can be.
        idle_s: a session not heard of for so long, with nothing pending, is forgotten.
        grace_s: where the table is full, one that was not heard of for so long makes room: a client that crashes and starts again
            and again would otherwise lock everyone out for `idle_s`.
    """

    def __init__(self, limit: int, idle_s: float, grace_s: float) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._grace_s = grace_s
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def greet(self, key: str, route: bytes, now: float) -> tuple[Session | None, list[Session]]:
        """The session with this key, old or new, heard of now; None where there is no room. And those that made room."""
        session = self.hear(key, route, now)
        if session is not None:
            return session, []
        gone = [] if len(self._sessions) < self._limit else self._forget_silent(now, self._grace_s, most=1)
        if len(self._sessions) >= self._limit:
            return None, gone
        session = self._sessions[key] = Session(key, route, now)
        return session, gone

    def hear(self, key: str, route: bytes, now: float) -> Session | None:
        """The session, if it is known, heard of now on this connection: its replies go there from now on."""
        session = self._sessions.get(key)
        if session is not None:
            session.route, session.last_heard = route, now
        return session

    def find(self, key: str) -> Session | None:
        """The session, if it is known."""
        return self._sessions.get(key)

    def forget(self, key: str) -> Session | None:
        """Drop a session; returns it, if it was known."""
        return self._sessions.pop(key, None)

    def expire(self, now: float) -> list[Session]:
        """Drop the sessions that are idle, and return them."""
        return self._forget_silent(now, self._idle_s, most=len(self._sessions))

    def _forget_silent(self, now: float, silent_s: float, most: int) -> list[Session]:
        silent = [s for s in self._sessions.values() if not s.pending and now - s.last_heard >= silent_s]
        gone = sorted(silent, key=lambda s: s.last_heard)[:most]
        for session in gone:
            del self._sessions[session.key]
        return gone
