"""What waits to be published: bounded, and latest wins. Whoever puts something in never waits."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock
from typing import Any


class Mailbox:
    """Messages by topic, taken out in the order in which they came.

    A topic holds at most so many; one more pushes its oldest out, which is counted as dropped. Safe between threads.

    Args:
        depths: how many messages a topic may hold, by the topic's first word ("summary" of `summary/haadf/`); 1 where it isn't named.
        most: how many there may be over all topics; beyond, the oldest of all goes.
    """

    def __init__(self, depths: dict[str, int], most: int) -> None:
        self._depths = dict(depths)
        self._most = most
        self._entries: deque[tuple[str, Any]] = deque()
        self._held: Counter[str] = Counter()
        self._lock = Lock()
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def dropped(self) -> int:
        """Messages that were pushed out so far."""
        return self._dropped

    def put(self, topic: str, message: Any) -> None:
        """Add a message, at the cost of older ones where there is no room."""
        with self._lock:
            if self._held[topic] >= self._depths.get(topic.partition("/")[0], 1):
                self._drop(next(i for i, (held, _) in enumerate(self._entries) if held == topic))
            elif len(self._entries) >= self._most:
                self._drop(0)
            self._entries.append((topic, message))
            self._held[topic] += 1

    def take(self) -> tuple[str, Any] | None:
        """The oldest message with its topic, or None."""
        with self._lock:
            if not self._entries:
                return None
            topic, message = self._entries.popleft()
            self._release(topic)
            return topic, message

    def _drop(self, index: int) -> None:
        topic, _ = self._entries[index]
        del self._entries[index]
        self._release(topic)
        self._dropped += 1

    def _release(self, topic: str) -> None:
        self._held[topic] -= 1
        if not self._held[topic]:
            del self._held[topic]
