"""The thread that listens to the engine's status and events, which are small and always wanted."""

from __future__ import annotations

from elitscope.messages import Event, ServerMessage, Status
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.status import EngineStatus
from elitscope_service.subscriber import Introduce, SubscriberThread, without_a_key

TOPICS = ("status/", "event/")


class EngineWatcher(SubscriberThread):
    """Keeps an `EngineView` and an `EventLog` up to date."""

    def __init__(self, view: EngineView, events: EventLog, introduce: Introduce = without_a_key) -> None:
        super().__init__("elitscope-watcher", 64, introduce)
        self._view = view
        self._events = events

    def topics(self) -> tuple[tuple[str, ...], None]:
        """The same ones for ever."""
        return TOPICS, None

    def take(self, topic: str, message: ServerMessage) -> None:
        """The engine's state, or something that happened there."""
        if isinstance(message, Status):
            self._view.update(EngineStatus.model_validate(message.body))
        elif isinstance(message, Event):
            self._events.add(message.body)
