"""Publishes what the drift monitor has to tell: events like any other, and a stream's figures. Whatever it says, no thread ends of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import ValidationError

from elitscope.messages import Event, ServerMessage
from elitscope_service.engine.publisher import EVENT_TOPIC
from elitscope_service.logs import LogLimit
from elitscope_service.publications import DRIFT, topic
from elitscope_service.store.documents import Told

logger = logging.getLogger(__name__)

MOST_CHARACTERS = 1 << 18


class Relay:
    """Called with what was said on the channel `keys.TOLD`.

    Args:
        put: takes topic and message; must not wait.
        epoch: names this run of the engine.
        clock: monotonic seconds.
    """

    def __init__(self, put: Callable[[str, ServerMessage], None], epoch: str, clock: Callable[[], float]) -> None:
        self._put = put
        self._epoch = epoch
        self._log_limit = LogLimit(10.0, clock)

    def __call__(self, said: str) -> None:
        """Publish it; what can't be read is logged and left."""
        try:
            if len(said) > MOST_CHARACTERS:
                raise ValueError(f"{len(said)} characters are more than {MOST_CHARACTERS}")
            told = Told.loads(said)
        except (ValueError, ValidationError) as error:
            if self._log_limit.pass_on("unreadable") is not None:
                logger.warning("what the drift monitor said can't be read: %s", error)
            return
        name = EVENT_TOPIC if told.is_event else topic(DRIFT, told.stream)
        self._put(name, Event({**told.body, "event": "drift", "stream": told.stream, "at": told.at, "epoch": self._epoch}))
