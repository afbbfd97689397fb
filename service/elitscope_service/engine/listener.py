"""Listens in the store for a wake-up call. A lost one costs little: whoever is woken looks around by itself twice a second."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import redis

from elitscope_service.threads import OwnedThread

WAIT_S = 0.5


class StoreListener(OwnedThread):
    """Calls `wake` whenever somebody publishes on one of the channels, and whenever it could begin to listen.

    Args:
        store: its own client; this thread uses it alone.
        channels: what to listen to.
        wake: called in this thread; must not wait.
    """

    def __init__(self, store: redis.Redis, channels: tuple[str, ...], wake: Callable[[], None]) -> None:
        super().__init__("elitscope-listener")
        self._store = store
        self._channels = channels
        self._wake = wake
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
            pubsub.subscribe(*self._channels)
            self._wake()
            while not self._stopping.is_set():
                if pubsub.get_message(timeout=WAIT_S) is not None:
                    self._wake()
