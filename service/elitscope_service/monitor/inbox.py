"""What came and was not looked at yet: of every topic the latest alone, taken in the order in which topics began to wait."""

from __future__ import annotations

import asyncio
import contextlib
from threading import Lock

from elitscope.messages import ServerMessage


class Inbox:
    """Filled by the listener thread, emptied in the event loop.

    Args:
        loop: where `take` is awaited.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._latest: dict[str, ServerMessage] = {}
        self._lock = Lock()
        self._filled = asyncio.Event()

    def put(self, topic: str, message: ServerMessage) -> None:
        """Have it looked at, in the place of what waits under its topic; from any thread."""
        with self._lock:
            self._latest[topic] = message
        with contextlib.suppress(RuntimeError):  # that loop has ended
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> tuple[str, ServerMessage]:
        """The latest of the topic that has waited longest."""
        while True:
            with self._lock:
                if self._latest:
                    topic = next(iter(self._latest))
                    return topic, self._latest.pop(topic)
                self._filled.clear()
            await self._filled.wait()
