"""Whose turn it is: fair over streams by cost, frame by frame and tile by tile. No threads, no clock, no I/O.

Start-time fair queuing (Goyal, Vin and Cheng, SIGCOMM 1996): every stream has a tag, its virtual time, which advances by the cost of what
was done for it; the stream with the lowest tag is next. A stream that was idle starts at the current virtual time, so it can neither save
up turns nor be made to pay for what others used. The analysis of a huge frame comes in steps (tiles), and between two of them other
streams get their turn.

Life of a job:

    submit ── waiting ── next ──▶ started ── next, charge, next, charge ... ── finish
       │         ├── superseded by a newer `latest` job of its session and stream
       │         ├── expired: its deadline passed (started jobs too, between two steps)
       └─────────┴── refused: no room, draining; discarded: its session said goodbye
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any


@dataclass(frozen=True, eq=False)
class Job:
    """A frame that wants to be analysed. Times are monotonic seconds; `deadline` is absolute; `payload` is the caller's; `pixels` is its
    size, which the memory of its analysis goes by."""

    session: str
    frame_id: int
    stream: str
    nbytes: int
    received_at: float
    deadline: float | None = None
    policy: str = "all"
    payload: Any = None
    pixels: int = 0


@dataclass(frozen=True)
class Dropped:
    """A job that will not be analysed: why, by wire code and in words."""

    job: Job
    code: str
    message: str


@dataclass
class _Stream:
    tag: float
    order: int
    waiting: deque[Job] = field(default_factory=deque)
    started: Job | None = None


class Scheduler:
    """Queues of all streams. At most one job of a stream is started at a time, so a stream's frames are answered in order.

    Args:
        max_frames: jobs held at once, waiting and started.
        max_bytes: their pixels' bytes.
        max_started: jobs started at once, over all streams: each holds the maps of a half-analysed frame.
        max_started_pixels: their frames' pixels; a single job may have more.
    """

    def __init__(self, max_frames: int, max_bytes: int, max_started: int, max_started_pixels: float = inf) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._max_started = max_started
        self._max_started_pixels = max_started_pixels
        self._streams: dict[str, _Stream] = {}
        self._arrivals = count()
        self._virtual_time = 0.0
        self._frames = 0
        self._bytes = 0
        self._started = 0
        self._started_pixels = 0
        self._draining = False

    def __len__(self) -> int:
        """Jobs held, waiting and started."""
        return self._frames

    @property
    def nbytes(self) -> int:
        """Bytes of pixels held."""
        return self._bytes

    def depths(self) -> dict[str, int]:
        """Jobs held by stream; streams without any are left out."""
        return {name: len(s.waiting) + (s.started is not None) for name, s in self._streams.items() if s.waiting or s.started}

    def submit(self, job: Job) -> Dropped | None:
        """Take a job in. Returns what had to go for that: the job itself, where it is refused, or the one whose place it took."""
        if self._draining:
            return Dropped(job, "draining", "the server is shutting down: send the frame again once it is back")
        old = self._superseded_by(job)
        frames = self._frames + 1 - (old is not None)
        nbytes = self._bytes + job.nbytes - (old.nbytes if old else 0)
        if frames > self._max_frames or nbytes > self._max_bytes:
            room = f"{self._frames} frames with {self._bytes} bytes are queued, the limits are {self._max_frames} and {self._max_bytes}"
            return Dropped(job, "overloaded", f"{room}: send fewer or smaller frames")
        self._frames, self._bytes = frames, nbytes
        stream = self._backlogged(job.stream)
        if old is None:
            stream.waiting.append(job)
            return None
        # the newer frame takes the older one's place: at the end of the line it would never get its turn beside a busy `all` client
        stream.waiting[stream.waiting.index(old)] = job
        return Dropped(old, "superseded", f"frame {job.frame_id} came before this one's turn")

    def next(self) -> Job | None:
        """The job to work on next, or None where there is nothing to do; it counts as started from now on."""
        ready = [s for s in self._streams.values() if s.started or (s.waiting and self._can_start(s.waiting[0]))]
        if not ready:
            return None
        stream = min(ready, key=lambda s: (s.tag, s.order))
        self._virtual_time = max(self._virtual_time, stream.tag)
        if stream.started is None:
            stream.started = stream.waiting.popleft()
            self._started += 1
            self._started_pixels += stream.started.pixels
        return stream.started

    def charge(self, job: Job, cost: float) -> None:
        """Book `cost` (any unit, the same for all; at least 0) for a step that was made for a started job."""
        self._streams[job.stream].tag += cost

    def finish(self, job: Job) -> None:
        """A started job is done, or was given up."""
        self._end(self._streams[job.stream])
        self._let_go([job])

    def expire(self, now: float) -> list[Dropped]:
        """Drop the jobs, waiting or started, whose deadline has come."""
        late = self._remove(lambda job: job.deadline is not None and job.deadline <= now, started_too=True)
        return [Dropped(job, "deadline_exceeded", f"not done {1e3 * (now - job.received_at):.0f} ms after receipt") for job in late]

    def discard(self, session: str) -> list[Job]:
        """Drop the waiting jobs of a session that has ended; one that is started runs to its end."""
        return self._remove(lambda job: job.session == session, started_too=False)

    def drain(self) -> None:
        """Take no more jobs."""
        self._draining = True

    def abandon(self) -> list[Dropped]:
        """Drop every waiting job: there is no time left."""
        waiting = self._remove(lambda job: True, started_too=False)
        return [Dropped(job, "draining", "the server shut down before this frame's turn: send it again once it is back") for job in waiting]

    def _can_start(self, job: Job) -> bool:
        if self._started == 0:
            return True
        return self._started < self._max_started and self._started_pixels + job.pixels <= self._max_started_pixels

    def _end(self, stream: _Stream) -> None:
        assert stream.started is not None
        self._started -= 1
        self._started_pixels -= stream.started.pixels
        stream.started = None

    def _superseded_by(self, job: Job) -> Job | None:
        stream = self._streams.get(job.stream)
        if job.policy != "latest" or stream is None:
            return None
        return next((w for w in stream.waiting if w.policy == "latest" and w.session == job.session), None)

    def _backlogged(self, name: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(self._virtual_time, next(self._arrivals))
        elif stream.started is None and not stream.waiting:
            stream.tag = max(stream.tag, self._virtual_time)
            stream.order = next(self._arrivals)
        return stream

    def _remove(self, unwanted: Callable[[Job], bool], started_too: bool) -> list[Job]:
        removed: list[Job] = []
        for stream in self._streams.values():
            gone = [job for job in stream.waiting if unwanted(job)]
            if gone:
                stream.waiting = deque(job for job in stream.waiting if job not in gone)
                removed += gone
            if started_too and stream.started is not None and unwanted(stream.started):
                removed.append(stream.started)
                self._end(stream)
        self._let_go(removed)
        return removed

    def _let_go(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._frames -= 1
            self._bytes -= job.nbytes
        if self._frames == 0:
            # the end of a busy period: whoever comes next starts level
            self._virtual_time = max([self._virtual_time, *(s.tag for s in self._streams.values())])
        idle = [name for name, s in self._streams.items() if not s.waiting and s.started is None and s.tag <= self._virtual_time]
        for name in idle:
            del self._streams[name]
