"""When the worker has time for a pass that no client waits for.

A pass of a network can't be interrupted: a frame that comes meanwhile waits for its end. So it is made where that is not to be expected,
in a pause that has lasted, or at the start of one where the last pauses were all long enough for it. A worker that is never idle gives up a
small share of its time: with `SHARE`, one frame in a few hundred waits for a pass, which the 99th percentile of latency does not see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SHARE = 0.003
"""Of a busy worker's time."""

SETTLED_S = 1.0
"""A pause that has lasted so long is taken for the end of a scan."""

MARGIN = 1.5
"""How much longer than the last pass the next one may take."""

REMEMBERED = 16
"""Pauses whose shortest is what is expected of the next one."""


class Leisure:
    """Belongs to the worker thread.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._idle_since: float | None = None
        self._pauses: deque[float] = deque(maxlen=REMEMBERED)
        self._saved = 0.0
        self._pass_s = 0.0

    def busy(self, seconds: float) -> None:
        """A step of a frame was made, which took so long."""
        self._pass_s = self._pass_s or seconds
        self._saved = min(self._saved + SHARE * seconds, MARGIN * self._pass_s)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing else to work on."""
        return self._idle_since is not None

    def begin(self) -> None:
        """There is a frame to work on: the pause, if there was one, has ended."""
        if self._idle_since is not None:
            self._pauses.append(self._clock() - self._idle_since)
            self._idle_since = None

    def idle(self) -> None:
        """There is nothing to work on."""
        if self._idle_since is None:
            self._idle_since = self._clock()

    def spent(self, seconds: float) -> None:
        """A pass was made that no client waits for."""
        self._pass_s = seconds
        if self._idle_since is None:
            self._saved = 0.0

    def allows(self) -> bool:
        """Whether a pass can be made now."""
        if self._idle_since is None:
            return self._pass_s > 0 and self._saved >= self._pass_s
        paused = self._clock() - self._idle_since
        expected = min(self._pauses) if len(self._pauses) == REMEMBERED else 0.0
        return paused >= SETTLED_S or paused + MARGIN * self._pass_s < expected

    def wait_s(self) -> float:
        """How long to wait for frames before asking again."""
        return 0.0 if self._idle_since is None or self.allows() else max(0.0, SETTLED_S - (self._clock() - self._idle_since))
