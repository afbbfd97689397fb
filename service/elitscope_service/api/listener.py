"""The thread that listens to frames, maps and atoms, which are large and only wanted while somebody looks."""

from __future__ import annotations

from elitscope.messages import ResultMessage, ServerMessage
from elitscope_service.api.feed import Feed
from elitscope_service.subscriber import Introduce, SubscriberThread, without_a_key

TICK_S = 1.0
"""How often leases that have run out are looked for."""


class FeedListener(SubscriberThread):
    """Fills a `Feed`, subscribed to just the topics that it wants.

    The engine prepares nothing that nobody subscribes to, so that what nobody looks at costs nothing.
    """

    def __init__(self, feed: Feed, introduce: Introduce = without_a_key) -> None:
        super().__init__("elitscope-listener", 4, introduce)
        self._feed = feed
        feed.tell(self.wake)

    def topics(self) -> tuple[frozenset[str], float | None]:
        """Those that somebody looks at."""
        wanted = self._feed.wanted()
        return wanted, TICK_S if wanted else None

    def take(self, topic: str, message: ServerMessage) -> None:
        """A frame's publication."""
        if isinstance(message, ResultMessage):
            self._feed.put(topic, message)
