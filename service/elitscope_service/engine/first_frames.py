"""Notices the first frame that is analysed under each revision. On the way of every frame this is one comparison."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_WAITING = 4096


@dataclass(frozen=True)
class FirstSeen:
    """The first frame under a revision; `at` in Unix seconds."""

    stream: str
    revision: int
    frame_id: int
    at: float


class FirstFrames:
    """Written by the worker thread, emptied by the control thread.

    Args:
        wall: Unix seconds.
        notify: called in the worker thread when there is something to take; must not wait.
    """

    def __init__(self, wall: Callable[[], float], notify: Callable[[], None]) -> None:
        self._wall = wall
        self._notify = notify
        self._seen: dict[str, int] = {}
        self._waiting: deque[FirstSeen] = deque(maxlen=MOST_WAITING)

    def saw(self, stream: str, revision: int, frame_id: int) -> None:
        """A frame was analysed."""
        if self._seen.get(stream) != revision:
            self._seen[stream] = revision
            self._waiting.append(FirstSeen(stream, revision, frame_id, self._wall()))
            self._notify()

    def forget(self, stream: str) -> None:
        """The stream has ended."""
        self._seen.pop(stream, None)

    def take(self) -> list[FirstSeen]:
        """What was noticed since the last time."""
        taken = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken
