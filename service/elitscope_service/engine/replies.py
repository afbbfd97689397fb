"""Replies that a client may ask for again: least recently used go first, bounded in bytes over all sessions.

A frame that was answered is never analysed a second time, under another selection perhaps: its resend gets the kept reply, byte for byte.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

OVERHEAD_BYTES = 512
"""What an entry costs beside its parts, so that a million empty replies are not free."""


class ReplyCache:
    """Encoded replies by (session, frame id).

    Args:
        max_bytes: bytes of all parts kept, overhead included; a reply larger than that is not kept at all.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._replies: OrderedDict[tuple[str, int], Sequence[Any]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._replies)

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self._bytes

    def keep(self, session: str, frame_id: int, parts: Sequence[Any]) -> None:
        """Keep a reply's parts (the arrays behind them stay alive), at the cost of the least recently used ones."""
        self.forget(session, [frame_id])
        size = parts_bytes(parts) + OVERHEAD_BYTES
        if size > self._max_bytes:
            return
        self._replies[session, frame_id] = parts
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, oldest = self._replies.popitem(last=False)
            self._bytes -= parts_bytes(oldest) + OVERHEAD_BYTES

    def find(self, session: str, frame_id: int) -> Sequence[Any] | None:
        """The kept reply, which counts as used now, or None."""
        parts = self._replies.get((session, frame_id))
        if parts is not None:
            self._replies.move_to_end((session, frame_id))
        return parts

    def forget(self, session: str, frame_ids: Iterable[int]) -> None:
        """Let go of replies that have arrived; ids that are not there are fine."""
        for frame_id in frame_ids:
            parts = self._replies.pop((session, frame_id), None)
            if parts is not None:
                self._bytes -= parts_bytes(parts) + OVERHEAD_BYTES


def parts_bytes(parts: Sequence[Any]) -> int:
    """Bytes of a message's parts.

    >>> parts_bytes([b"ELIT", memoryview(bytes(8))])
    12
    """
    return sum(part.nbytes if hasattr(part, "nbytes") else len(part) for part in parts)
