"""What subscribers ask for, so that nothing is prepared that nobody wants; and how often the costly topics are due."""

from __future__ import annotations

from collections.abc import Callable

MOST_PREFIXES = 4096


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
    """Lets each topic through at most so often, on average: what comes a little too soon is not held against the next. For one thread.

    >>> limit = RateLimit(hertz=2.0, clock=iter([0.0, 0.3, 0.6, 1.0, 1.3, 9.0, 9.4]).__next__)
    >>> [limit.due("preview/haadf/") for _ in range(7)]
    [True, False, True, True, False, True, False]
    """

    def __init__(self, hertz: float, clock: Callable[[], float], most_topics: int = 1024) -> None:
        self._interval_s = 1.0 / hertz if hertz > 0 else float("inf")
        self._clock = clock
        self._most_topics = most_topics
        self._last: dict[str, float] = {}

    def due(self, topic: str) -> bool:
        """Whether the topic's time has come; if so, it starts anew."""
        now, last = self._clock(), self._last.get(topic, -float("inf"))
        if self._interval_s == float("inf") or now - last < self._interval_s:
            return False
        if len(self._last) >= self._most_topics:
            self._last.clear()
        self._last[topic] = now if now - last >= 2 * self._interval_s else last + self._interval_s
        return True
