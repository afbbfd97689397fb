"""Every stream that is watched; those that have ended are let go of, and so is the one that nobody has sent to for longest."""

from __future__ import annotations

from collections.abc import Callable

from elitscope_service.monitor.stream import StreamWatch

MOST_STREAMS = 64


class Streams:
    """For one thread.

    Args:
        make: a stream's watch, by its name.
        most: how many there are at most.
    """

    def __init__(self, make: Callable[[str], StreamWatch], most: int = MOST_STREAMS) -> None:
        self._make = make
        self._most = most
        self._streams: dict[str, StreamWatch] = {}

    def of(self, name: str) -> StreamWatch:
        """The stream's watch, made if need be, and now the one used last."""
        found = self._streams.pop(name, None) or self._make(name)
        self._streams[name] = found
        while len(self._streams) > self._most:
            del self._streams[next(iter(self._streams))]
        return found

    def ended(self, name: str) -> None:
        """The stream has ended: should it come back, it is another one."""
        self._streams.pop(name, None)
