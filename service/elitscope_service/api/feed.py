"""The latest publication of every topic that somebody looks at: latest wins, let go of once nobody looks any more.

Looking at a topic takes out a lease of some seconds on it; as long as one runs, the listener thread is subscribed to the topic. What came
is kept until it is replaced or the lease has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from elitscope.messages import ResultMessage

LEASE_S = 10.0
MOST_TOPICS = 256
MOST_BYTES = 1 << 30

_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


@dataclass
class _Look:
    """A topic that is looked at: until when (monotonic seconds), by how many that stay, and what came last."""

    until: float
    viewers: int = 0
    message: ResultMessage | None = None
    nbytes: int = 0
    waiters: set[_Waiter] = field(default_factory=set)


class Feed:
    """Filled by one thread, read in the event loop.

    Args:
        clock: monotonic seconds.
        lease_s: how long a topic stays subscribed after it was last looked at.
        most_topics: topics looked at at once; one more lets go of the one that was looked at longest ago.
        most_bytes: of all publications kept; beyond, those looked at longest ago are let go of.
    """

    def __init__(
        self, clock: Callable[[], float], lease_s: float = LEASE_S, most_topics: int = MOST_TOPICS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._most_topics = most_topics
        self._most_bytes = most_bytes
        self._looks: dict[str, _Look] = {}
        self._lock = Lock()
        self._tell: Callable[[], None] = lambda: None

    def tell(self, listener: Callable[[], None]) -> None:
        """Have this called, from any thread, when what is wanted has changed."""
        self._tell = listener

    def wanted(self) -> frozenset[str]:
        """The topics that somebody looks at; the others are let go of. For the listener thread."""
        now = self._clock()
        with self._lock:
            for topic in [t for t, look in self._looks.items() if not look.viewers and look.until <= now]:
                del self._looks[topic]
            return frozenset(self._looks)

    def put(self, topic: str, message: ResultMessage) -> None:
        """A publication has come. For the listener thread."""
        with self._lock:
            look = self._looks.get(topic)
            if look is None:
                return
            look.message, look.nbytes = message, message_bytes(message)
            self._make_room(keep=topic)
            waiters = tuple(look.waiters)
        for loop, event in waiters:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(event.set)

    def look(self, topic: str) -> ResultMessage | None:
        """What is there at this moment; takes out a lease, so that there will be something soon."""
        return self._look(topic)

    async def latest(self, topic: str, patience_s: float, after: ResultMessage | None = None) -> ResultMessage | None:
        """What came last, unless it is `after`: then the next one. None where nothing comes within `patience_s`."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                try:
                    while True:
                        waiter[1].clear()
                        message = self._look(topic, waiter)
                        if message is not None and message is not after:
                            return message
                        await waiter[1].wait()
                finally:
                    self._leave(topic, waiter)
        return None

    @contextlib.contextmanager
    def viewing(self, topics: Collection[str]) -> Iterator[None]:
        """Keep looking at these topics for as long as the block lasts."""
        with self._lock:
            for topic in topics:
                self._lease(topic).viewers += 1
        self._tell()
        try:
            yield
        finally:
            with self._lock:
                for topic in topics:
                    self._lease(topic).viewers -= 1

    def _look(self, topic: str, waiter: _Waiter | None = None) -> ResultMessage | None:
        with self._lock:
            known, look = topic in self._looks, self._lease(topic)
            if waiter is not None:
                look.waiters.add(waiter)
        if not known:
            self._tell()
        return look.message

    def _lease(self, topic: str) -> _Look:
        """The topic's entry, made if need be, and now the one looked at last."""
        look = self._looks.pop(topic, None) or _Look(0.0)
        look.until = self._clock() + self._lease_s
        self._looks[topic] = look
        if len(self._looks) > self._most_topics:
            oldest = next((t for t, other in self._looks.items() if not other.viewers and t != topic), None)
            if oldest is not None:
                del self._looks[oldest]
        return look

    def _make_room(self, keep: str) -> None:
        total = sum(look.nbytes for look in self._looks.values())
        for topic, look in self._looks.items():
            if total <= self._most_bytes:
                return
            if topic != keep:
                total -= look.nbytes
                look.message, look.nbytes = None, 0

    def _leave(self, topic: str, waiter: _Waiter) -> None:
        with self._lock:
            look = self._looks.get(topic)
            if look is not None:
                look.waiters.discard(waiter)


def message_bytes(message: ResultMessage) -> int:
    """Bytes of the arrays that a publication brings."""
    result = message.result
    arrays: tuple[np.ndarray | None, ...] = (message.frame, result.mean, result.std, result.atoms, result.hotspots, result.member_maps)
    return sum(array.nbytes for array in arrays if array is not None)
