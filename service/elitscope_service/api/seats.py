"""How many may listen or watch at once: each holds a connection for as long as it likes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from elitscope_service.api.problems import coded

MOST_LISTENERS, MOST_VIEWERS = 64, 32
"""Of events, and of live frames."""


class Seats:
    """Used in the event loop alone.

    Args:
        most: seats that there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @property
    def taken(self) -> int:
        """Seats that are taken."""
        return self._taken

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A seat for as long as the block lasts.

        Raises:
            ProblemError: 503 where all are taken.
        """
        self.require()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    def require(self) -> None:
        """Raises: ProblemError: 503 where all are taken."""
        if self._taken >= self._most:
            raise coded("too_many_listeners", f"all {self._most} places are taken: close one, or try again later", {"Retry-After": "5"})
