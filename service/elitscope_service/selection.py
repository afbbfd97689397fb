"""Which ensemble, and which of its members, analyse a stream: an immutable snapshot that is swapped, never changed.

A frame reads its stream's selection once and is analysed with that one to the end; its reply carries the revision. A change takes effect by
replacing the reference, so no frame ever sees half of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

DEFAULT = "default"
"""The pseudo-stream whose selection a new stream starts with."""

SERVER = "server"
"""The author of what nobody asked for: the selection of the first start, say."""

AUTOPILOT = "autopilot"
"""The author of what the drift monitor changes by itself."""


@dataclass(frozen=True)
class Selection:
    """The networks in force for a stream.

    `members`: active ids, ascending; `min_members`: the fewest that a change may leave active; `preference`: every id of the ensemble, most
    trusted first; `since`: Unix time in seconds; `revision` rises with every change; `touched`: somebody set it for this stream, otherwise
    it is the copy of `default` that the stream started with.

    >>> Selection("graphene", (0, 1, 3), revision=2, author="ana", reason="fog", since=0.0).members
    (0, 1, 3)

    Raises:
        ValueError: no member, or ids that repeat or don't ascend.
    """

    ensemble: str
    members: tuple[int, ...]
    revision: int = 1
    author: str = SERVER
    reason: str = ""
    since: float = 0.0
    role: Literal["operator", "controller"] = "controller"
    min_members: int = 1
    preference: tuple[int, ...] = ()
    touched: bool = False

    def __post_init__(self) -> None:
        if not self.members or list(self.members) != sorted(set(self.members)):
            raise ValueError(f"members {self.members!r} of ensemble {self.ensemble!r}: give at least one id, ascending, none twice")


class Selections:
    """The selection in force for every stream, and `default`, which a stream starts from.

    Safe to read from several threads: every operation swaps or reads one reference. Beside the copying of `default`, one thread alone
    writes.

    Once `put` has returned nobody copies the old `default` any more, so an ensemble that only that one named can be unloaded.
    """

    def __init__(self, default: Selection) -> None:
        self._streams: dict[str, Selection] = {DEFAULT: default}
        self._copying = Lock()

    @property
    def default(self) -> Selection:
        """What the next new stream starts with."""
        return self._streams[DEFAULT]

    def of(self, stream: str) -> Selection:
        """The stream's selection; its first call copies `default`, so that a later change of the default leaves the stream alone."""
        selection = self._streams.get(stream)
        if selection is None:
            with self._copying:
                selection = self._streams.setdefault(stream, replace(self.default, touched=False))
        return selection

    def in_force(self, stream: str) -> Selection | None:
        """The stream's selection, if it has one."""
        return self._streams.get(stream)

    def put(self, stream: str, selection: Selection) -> None:
        """Bring a selection into force from the stream's next frame on.

        Raises:
            ValueError: its revision is not above the one in force: two authors would hide each other's change.
        """
        current = self._streams.get(stream, self.default)
        if selection.revision <= current.revision:
            raise ValueError(f"revision {selection.revision} of stream {stream!r} must be above {current.revision}, the one in force")
        with self._copying:
            self._streams[stream] = selection

    def restore(self, selections: Mapping[str, Selection]) -> None:
        """Bring into force what was in force when the server stopped; before anybody reads."""
        self._streams |= selections

    def forget(self, streams: Iterable[str]) -> None:
        """Let go of streams that have ended, unless somebody set their selection: an untouched one starts from `default` again."""
        for stream in streams:
            if stream != DEFAULT and stream in self._streams and not self._streams[stream].touched:
                del self._streams[stream]

    def snapshot(self) -> dict[str, Selection]:
        """Every stream's selection at this moment, `default` among them."""
        return dict(self._streams)
