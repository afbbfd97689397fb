"""The scheduler between two threads: the io thread puts frames in, the worker takes turns out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from elitscope_service.scheduler import Dropped, Job, Scheduler


@dataclass(frozen=True)
class Turn:
    """What the worker is to do: work on `job` (None: nothing to do), after giving up those that have expired."""

    job: Job | None
    expired: tuple[Dropped, ...] = ()


class WorkQueue:
    """A `Scheduler` behind a lock, with a way to wait for work. The lock is held for microseconds, never while a frame is worked on."""

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._changed = Condition()
        self._closed = False

    def submit(self, job: Job) -> Dropped | None:
        """See `Scheduler.submit`."""
        with self._changed:
            dropped = self._scheduler.submit(job)
            self._changed.notify_all()
            return dropped

    def take(self, timeout: float) -> Turn | None:
        """The next turn; an empty one after `timeout` seconds without work; None once closed.

        Only for the worker, between two steps: it may expire started jobs.
        """
        with self._changed:
            if not self._closed and not len(self._scheduler):
                self._changed.wait(timeout)
            if self._closed:
                return None
            expired = self._scheduler.expire(self._clock())
            return Turn(self._scheduler.next(), tuple(expired))

    def nudge(self) -> None:
        """Have `take` return, with or without work."""
        with self._changed:
            self._changed.notify_all()

    def charge(self, job: Job, cost: float) -> None:
        """See `Scheduler.charge`."""
        with self._changed:
            self._scheduler.charge(job, cost)

    def finish(self, job: Job) -> None:
        """See `Scheduler.finish`."""
        with self._changed:
            self._scheduler.finish(job)
            self._changed.notify_all()

    def discard(self, session: str) -> list[Job]:
        """See `Scheduler.discard`."""
        with self._changed:
            return self._scheduler.discard(session)

    def depths(self) -> dict[str, int]:
        """See `Scheduler.depths`."""
        with self._changed:
            return self._scheduler.depths()

    def load(self) -> tuple[int, int]:
        """Frames and bytes held."""
        with self._changed:
            return len(self._scheduler), self._scheduler.nbytes

    def drain(self, timeout: float) -> list[Dropped]:
        """Take no more frames, wait up to `timeout` seconds for those that are held, and drop the waiting ones that were not reached."""
        with self._changed:
            self._scheduler.drain()
            self._changed.wait_for(lambda: self._closed or not len(self._scheduler), timeout)
            return self._scheduler.abandon()

    def close(self) -> None:
        """Let the worker go at its next `take`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
