"""Which publications of a stream's next frame are worth preparing: those that somebody wants, the costly ones when they are due."""

from __future__ import annotations

from collections.abc import Callable

from elitscope_service.engine.subscriptions import RateLimit, Subscriptions
from elitscope_service.publications import EVERY_FRAME, NOW_AND_THEN, topic


class Wishes:
    """Belongs to the worker thread.

    Args:
        subscriptions: what subscribers ask for.
        hertz: how often each stream's costly publications are made, at most.
    """

    def __init__(self, subscriptions: Subscriptions, hertz: float, clock: Callable[[], float]) -> None:
        self._subscriptions = subscriptions
        self._limit = RateLimit(hertz, clock)

    def of(self, stream: str) -> frozenset[str]:
        """The kinds of publication to make of the stream's next frame."""
        wanted = {kind for kind in EVERY_FRAME if self._subscriptions.want(topic(kind, stream))}
        for kind in NOW_AND_THEN:
            name = topic(kind, stream)
            if self._subscriptions.want(name) and self._limit.due(name):
                wanted.add(kind)
        return frozenset(wanted)
