"""Plain logs on stderr: time, level, what part of the server, message. And a limit for what a stranger can make us log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable


def log_to_stderr(part: str, level: int = logging.INFO) -> None:
    """Send this process's logs to stderr; `part` ("engine", "api", "server") says which process speaks."""
    logging.basicConfig(
        stream=sys.stderr, level=level, force=True, format=f"%(asctime)s %(levelname)-7s {part}: %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
    )


class LogLimit:
    """Lets a line through once per `interval_s` and key, and says how many were held back meanwhile.

    >>> limit = LogLimit(interval_s=10.0, clock=iter([0.0, 1.0, 2.0, 11.0]).__next__)
    >>> [limit.pass_on("bad header") for _ in range(4)]
    [0, None, None, 2]
    """

    def __init__(self, interval_s: float, clock: Callable[[], float], most_keys: int = 64) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._most_keys = most_keys
        self._last: dict[str, tuple[float, int]] = {}

    def pass_on(self, key: str) -> int | None:
        """How many lines with this key were held back before this one, or None where this one is held back too."""
        now = self._clock()
        since, held = self._last.get(key, (-float("inf"), 0))
        if now - since < self._interval_s:
            self._last[key] = since, held + 1
            return None
        if key not in self._last and len(self._last) >= self._most_keys:
            self._last.clear()
        self._last[key] = now, 0
        return held
