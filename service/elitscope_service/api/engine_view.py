"""What the API knows of the engine: the last status that came over the wire, and how old it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from elitscope_service.status import EngineStatus

STALE_S = 3.0
"""A status comes every second; without one for so long the engine counts as silent."""


@dataclass(frozen=True)
class Seen:
    """A status as a reader finds it. `age_s`: seconds since it came; `stale`: too old to be taken for the present."""

    status: EngineStatus
    age_s: float

    @property
    def stale(self) -> bool:
        return self.age_s > STALE_S


class EngineView:
    """The latest status. One thread writes it, any may read: the reference is swapped whole.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._latest: tuple[EngineStatus, float] | None = None

    def update(self, status: EngineStatus) -> None:
        """A status has come."""
        self._latest = status, self._clock()

    def read(self) -> Seen | None:
        """The last status, or None where none ever came."""
        latest = self._latest
        return None if latest is None else Seen(latest[0], self._clock() - latest[1])
