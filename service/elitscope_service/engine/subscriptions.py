"""What subscribers ask for, so that nothing is prepared that nobody wants; and how often the costly topics are due."""

from __future__ import annotations

from collections.abc import Callable

MOST_PREFIXES = 4096
_EARLY = 0.5
"""Intervals by which something may come too soon; the next has to wait that much longer."""


class Subscriptions:
    """The prefixes that XPUB has reported.

    Written by the publisher thread; read by any, since every change swaps one immutable set.
    """

    def __init__(self) -> None:
        self._prefixes: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._prefixes)

    def note(self, message: bytes) -> str | None:
        """Take in a message of an XPUB socket: 1 or 0, then a prefix. Returns the prefix of a subscription, None for anything else."""
        if message[:1] not in (b"\0", b"\1"):
            return None
        prefix = message[1:].decode("utf-8", "replace")
        if message[:1] == b"\0":
            self._prefixes -= {prefix}
            return None
        if len(self._prefixes) < MOST_PREFIXES:
            self._prefixes |= {prefix}
        return prefix

    def clear(self) -> None:
        """Nobody subscribes to anything any more."""
        self._prefixes = frozenset()

    def want(self, topic: str) -> bool:
        """Whether anybody subscribes to the topic.

        >>> subscriptions = Subscriptions()
        >>> subscriptions.note(b"\\x01preview/")
        'preview/'
        >>> subscriptions.want("preview/haadf/"), subscriptions.want("members/haadf/")
        (True, False)
        """
        return any(topic.startswith(prefix) for prefix in self._prefixes)


class RateLimit:
    """Lets each topic through at most so often, on average. Of what comes at just this rate, a little sooner or later, nothing is lost.
    For one thread.

    >>> limit = RateLimit(hertz=2.0, clock=iter([0.0, 0.2, 0.4, 1.1, 1.3, 9.0, 9.4, 9.6]).__next__)
    >>> [limit.due("preview/haadf/") for _ in range(8)]
    [True, False, True, True, False, True, True, False]
    """

    def __init__(self, hertz: float, clock: Callable[[], float], most_topics: int = 1024) -> None:
        self._interval_s = 1.0 / hertz if hertz > 0 else float("inf")
        self._clock = clock
        self._most_topics = most_topics
        self._next: dict[str, float] = {}

    def due(self, topic: str) -> bool:
        """Whether the topic's time has come; if so, it starts anew."""
        now, due = self._clock(), self._next.get(topic, -float("inf"))
        if self._interval_s == float("inf") or now < due - _EARLY * self._interval_s:
            return False
        if len(self._next) >= self._most_topics:
            self._next.clear()
        self._next[topic] = max(now, due) + self._interval_s
        return True
