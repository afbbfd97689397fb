"""Listens in the store: for wake-up calls, and for what the drift monitor has to tell.

What is said while nobody listens is lost. It costs little: whoever is woken looks around by itself twice a second, and what is told can be
read where it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import redis

from elitscope_service.threads import OwnedThread

WAIT_S = 0.5


class StoreListener(OwnedThread):
    """Calls back whenever somebody publishes on one of the channels.

    Args:
        store: its own client; this thread uses it alone.
        heard: channel → what is called with what was said there, in this thread; must not wait.
        begun: called whenever it could begin to listen: something may have been said before.
    """

    def __init__(self, store: redis.Redis, heard: Mapping[str, Callable[[str], None]], begun: Callable[[], None]) -> None:
        super().__init__("elitscope-listener")
        self._store = store
        self._heard = heard
        self._begun = begun
        self._stopping = Event()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError):
                self._stopping.wait(WAIT_S)
        self._store.close()

    def _listen(self) -> None:
        store: Any = self._store
        with store.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(*self._heard)
            self._begun()
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=WAIT_S)
                if message is not None:
                    self._heard[message["channel"]](message["data"])
