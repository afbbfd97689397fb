"""Sending without ever waiting, and without hoarding what peers don't read.

libzmq queues by messages, and a reply can be a hundred megabytes: what was handed over and is not gone yet is therefore counted in bytes,
by pyzmq's message trackers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import zmq

from elitscope_service.engine.replies import parts_bytes

TRACKED_BYTES = zmq.COPY_THRESHOLD
"""Smaller parts are copied by pyzmq and can't be tracked."""


class Outbox:
    """Sends multipart messages on a socket that belongs to the calling thread.

    Args:
        sock: a bound socket; peers that are gone or full must raise on it (ROUTER_MANDATORY, XPUB_NODROP).
        most_bytes: how much may be on its way to all peers before more is refused; a quarter of it to one peer. A peer that has
            nothing on its way always gets one message, and small ones are bounded by the socket's high-water mark alone.
    """

    def __init__(self, sock: zmq.Socket[bytes], most_bytes: int) -> None:
        self._sock = sock
        self._most_bytes = most_bytes
        self._flights: deque[tuple[bytes, int, list[zmq.MessageTracker]]] = deque()
        self._by_peer: Counter[bytes] = Counter()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes handed over and not yet gone."""
        self._settle()
        return self._bytes

    def send(self, parts: Sequence[Any], peer: bytes = b"") -> bool:
        """Hand a message over; False where the peer is gone or does not read, and nothing was sent.

        `peer`: who it is for, on whose account it goes; its routing id is part 0 already where the socket needs one.
        """
        self._settle()
        if any(_large(part) for part in parts) and not self._has_room(peer):
            return False
        try:
            trackers = self._transmit(parts)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        if trackers:
            size = parts_bytes(parts)
            self._flights.append((peer, size, trackers))
            self._by_peer[peer] += size
            self._bytes += size
        return True

    def _has_room(self, peer: bytes) -> bool:
        on_its_way = self._by_peer.get(peer, 0)
        return not on_its_way or (self._bytes <= self._most_bytes and on_its_way <= self._most_bytes // 4)

    def _transmit(self, parts: Sequence[Any]) -> list[zmq.MessageTracker]:
        """Part by part: `send_multipart` would track the last part only."""
        trackers = []
        for index, part in enumerate(parts):
            more = zmq.SNDMORE if index < len(parts) - 1 else 0
            large = _large(part)
            tracker = self._sock.send(part, zmq.NOBLOCK | more, copy=not large, track=large)
            if large and tracker is not None:
                trackers.append(tracker)
        return trackers

    def _settle(self) -> None:
        remaining: deque[tuple[bytes, int, list[zmq.MessageTracker]]] = deque()
        for peer, size, trackers in self._flights:
            if all(tracker.done for tracker in trackers):
                self._by_peer[peer] -= size
                self._bytes -= size
                if not self._by_peer[peer]:
                    del self._by_peer[peer]
            else:
                remaining.append((peer, size, trackers))
        self._flights = remaining


def _large(part: Any) -> bool:
    return parts_bytes([part]) >= TRACKED_BYTES
