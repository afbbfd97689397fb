"""What the engine's main thread waits for: its parent's commands, a termination signal, a nudge from its own threads."""

from __future__ import annotations

import os
import selectors
import signal
from collections import deque
from types import FrameType

from elitscope_service.child import Command, CommandLines
from elitscope_service.waker import Waker


class Inbox:
    """Commands in the order in which they came. Make and use it in the main thread; `nudge` from any.

    Args:
        fd: where the parent's lines come in.
        drain_s: how long to drain when it is a signal that says stop.
    """

    def __init__(self, fd: int, drain_s: float) -> None:
        self._fd = fd
        self._drain_s = drain_s
        self._lines = CommandLines()
        self._commands: deque[Command] = deque()
        self._waker = Waker()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._waker.fileno(), selectors.EVENT_READ)
        self._selector.register(fd, selectors.EVENT_READ)

    def obey_signals(self) -> None:
        """Take SIGTERM for the command to stop."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def nudge(self) -> None:
        """Make `wait` return early."""
        self._waker.wake()

    def wait(self, seconds: float) -> Command | None:
        """The next command; None after a nudge, or after `seconds` without anything."""
        if not self._commands:
            for key, _ in self._selector.select(seconds):
                if key.fd == self._fd:
                    self._read()
                else:
                    self._waker.clear()
        return self._commands.popleft() if self._commands else None

    def close(self) -> None:
        """Release what was made here; the parent's pipe stays open."""
        self._selector.close()
        self._waker.close()

    def _read(self) -> None:
        data = os.read(self._fd, 65536)
        if not data:
            self._selector.unregister(self._fd)
        self._commands += self._lines.feed(data)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._commands.append(Command("stop", self._drain_s))
        self._waker.wake()
