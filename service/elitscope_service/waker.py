"""Wakes a thread that waits in a poller, from any other thread.

A ZeroMQ PAIR would do for one waking thread; here several wake the same one, and a ZeroMQ socket belongs to one thread.
"""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """A pair of connected sockets: poll `fileno()`, and `clear()` when it is readable."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """What to poll for reading."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the poller return; harmless when it is about to anyway, or has gone."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Take note of having been woken."""
        with contextlib.suppress(BlockingIOError, OSError):
            while self._reader.recv(4096):
                pass

    def close(self) -> None:
        """Release both sockets."""
        self._reader.close()
        self._writer.close()
