"""The thread that listens to the engine: all of a frame at a limited rate, the deselected networks' maps, which ensembles there are."""

from __future__ import annotations

from elitscope.messages import Event, ResultMessage, ServerMessage, Status
from elitscope_service.monitor.inbox import Inbox
from elitscope_service.monitor.manifests import Manifests
from elitscope_service.publications import INACTIVE, LOOK
from elitscope_service.status import EngineStatus
from elitscope_service.subscriber import Introduce, SubscriberThread

TOPICS = ("status/", "event/", f"{LOOK}/", f"{INACTIVE}/")
ENDED = "ended"
"""Under which topic, of our own, the inbox has the end of a stream."""
WAITING = 8


class MonitorListener(SubscriberThread):
    """Passes on what comes: it never looks itself, so that the latest is always at hand.

    Args:
        inbox: takes frames, and the ends of streams.
        manifests: told which ensembles there are.
        introduce: shows a new socket's key.
    """

    def __init__(self, inbox: Inbox, manifests: Manifests, introduce: Introduce) -> None:
        super().__init__("elitscope-listener", WAITING, introduce)
        self._inbox = inbox
        self._manifests = manifests

    def topics(self) -> tuple[tuple[str, ...], None]:
        """The same ones for ever."""
        return TOPICS, None

    def take(self, topic: str, message: ServerMessage) -> None:
        """A publication has come."""
        if isinstance(message, Status):
            self._manifests.update(EngineStatus.model_validate(message.body).ensembles)
        elif isinstance(message, ResultMessage):
            self._inbox.put(topic, message)
        elif isinstance(message, Event) and message.body.get("event") == "stream_stopped":
            self._inbox.put(f"{ENDED}/{message.body.get('stream')}/", message)
