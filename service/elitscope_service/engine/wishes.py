"""Which publications of a stream's next frame are worth preparing: those that somebody wants, the costly ones when they are due."""

from __future__ import annotations

from collections.abc import Callable

from elitscope_service.engine.subscriptions import RateLimit, Subscriptions
from elitscope_service.publications import EVERY_FRAME, INACTIVE, LOOK, MEMBERS, NOW_AND_THEN, PREVIEW, topic

MOST_MAPS_HZ = 4.0
"""Every network's map is many times a preview's bytes, and people compare them at leisure."""


class Wishes:
    """Belongs to the worker thread.

    Args:
        subscriptions: what subscribers ask for.
        hertz: how often each stream's costly publications are made, at most.
        look_hertz: the same for those that the drift monitor looks at.
    """

    def __init__(self, subscriptions: Subscriptions, hertz: float, clock: Callable[[], float], look_hertz: float = 0.0) -> None:
        self._subscriptions = subscriptions
        self._limits = {
            PREVIEW: RateLimit(hertz, clock),
            MEMBERS: RateLimit(min(hertz, MOST_MAPS_HZ), clock),
            LOOK: RateLimit(look_hertz, clock),
        }
        shown = (PREVIEW, MEMBERS) if hertz else ()
        looked_at = (INACTIVE,) if hertz or look_hertz else ()
        self._ever = frozenset((*EVERY_FRAME, *shown, *looked_at))

    def of(self, stream: str) -> frozenset[str]:
        """The kinds of publication to make of the stream's next frame."""
        wanted = {kind for kind in EVERY_FRAME if self._subscriptions.want(topic(kind, stream))}
        wanted.update(kind for kind in NOW_AND_THEN if self.due(kind, stream))
        return frozenset(wanted)

    def want(self, kind: str, stream: str) -> bool:
        """Whether somebody wants a kind of publication of a stream, due or not."""
        return kind in self._ever and self._subscriptions.want(topic(kind, stream))

    def due(self, kind: str, stream: str) -> bool:
        """Whether somebody wants it and its time has come; if so, it starts anew."""
        name = topic(kind, stream)
        return self._subscriptions.want(name) and self._limits[kind].due(name)
