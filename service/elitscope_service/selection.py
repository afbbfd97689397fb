"""Which ensemble, and which of its members, analyse a stream: an immutable snapshot that is swapped, never changed.

A frame reads its stream's selection once and is analysed with that one to the end; its reply carries the revision. A change takes effect by
replacing the reference, so no frame ever sees half of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """The networks in force for a stream.

    `members`: active ids, ascending; `since`: Unix time in seconds; `revision` rises with every change.

    >>> Selection("graphene", (0, 1, 3), revision=2, author="ana", reason="fog", since=0.0).members
    (0, 1, 3)

    Raises:
        ValueError: no member, or ids that repeat or don't ascend.
    """

    ensemble: str
    members: tuple[int, ...]
    revision: int = 1
    author: str = "server"
    reason: str = ""
    since: float = 0.0

    def __post_init__(self) -> None:
        if not self.members or list(self.members) != sorted(set(self.members)):
            raise ValueError(f"members {self.members!r} of ensemble {self.ensemble!r}: give at least one id, ascending, none twice")


class Selections:
    """The selection in force for every stream, and `default`, which a stream starts from.

    Safe to read and write from several threads: every operation swaps or reads one reference.
    """

    def __init__(self, default: Selection) -> None:
        self.default = default
        self._streams: dict[str, Selection] = {}

    def of(self, stream: str) -> Selection:
        """The stream's selection; its first call copies `default`, so that a later change of the default leaves the stream alone."""
        return self._streams.setdefault(stream, self.default)

    def put(self, stream: str, selection: Selection) -> None:
        """Bring a selection into force from the stream's next frame on.

        Raises:
            ValueError: its revision is not above the one in force: two authors would hide each other's change.
        """
        current = self.of(stream)
        if selection.revision <= current.revision:
            raise ValueError(f"revision {selection.revision} of stream {stream!r} must be above {current.revision}, the one in force")
        self._streams[stream] = selection

    def forget(self, stream: str) -> None:
        """Let go of a stream that has ended; should it come back, it starts from `default` again."""
        self._streams.pop(stream, None)

    def snapshot(self) -> dict[str, Selection]:
        """Every stream's selection at this moment."""
        return dict(self._streams)
