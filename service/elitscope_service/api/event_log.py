"""The last events, numbered, for whoever listens: each reader remembers how far it has read, so that a slow one costs no memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

DEPTH = 1024

_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


@dataclass(frozen=True)
class LoggedEvent:
    """Something that happened. `number` counts from 1 in this run of the API."""

    number: int
    body: Mapping[str, Any]


class EventLog:
    """A ring of events. One thread adds, the event loop reads.

    Args:
        run: names this run of the API, so that a number of an earlier run is not taken for one of this.
        depth: how many are kept.
    """

    def __init__(self, run: str, depth: int = DEPTH) -> None:
        self.run = run
        self._ring: deque[LoggedEvent] = deque(maxlen=depth)
        self._last = 0
        self._closed = False
        self._waiters: set[_Waiter] = set()
        self._lock = Lock()

    @property
    def last(self) -> int:
        """Number of the newest event; 0 before the first."""
        return self._last

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed

    def add(self, body: Mapping[str, Any]) -> None:
        """Something has happened; from any thread."""
        with self._lock:
            self._last += 1
            self._ring.append(LoggedEvent(self._last, body))
        self._wake()

    def close(self) -> None:
        """Send every reader home: the process ends."""
        self._closed = True
        self._wake()

    def since(self, number: int) -> tuple[list[LoggedEvent], int]:
        """The events after `number`, oldest first, and how many of them are gone already.

        >>> log = EventLog("run", depth=2)
        >>> for name in ("a", "b", "c"):
        ...     log.add({"event": name})
        >>> [event.number for event in log.since(0)[0]], log.since(0)[1]
        ([2, 3], 1)
        """
        with self._lock:
            kept = [event for event in self._ring if event.number > number]
            return kept, self._last - number - len(kept)

    async def wait(self, number: int, patience_s: float) -> None:
        """Wait until there is an event after `number`, for at most `patience_s`."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiters.add(waiter)
        try:
            if self._last <= number and not self._closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await waiter[1].wait()
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def _wake(self) -> None:
        with self._lock:
            waiters = tuple(self._waiters)
        for loop, event in waiters:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(event.set)
