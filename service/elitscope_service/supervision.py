"""When a child process that has ended is started again: at once the first time, ever later if it keeps ending, never if it can't start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Seconds. A child that was ready for `healthy_s` before it ended is trusted again like a new one."""

    first_s: float = 0.25
    most_s: float = 10.0
    healthy_s: float = 30.0


class RestartPolicy:
    """One child's record. Times are monotonic seconds.

    | ended                                  | next start              |
    | -------------------------------------- | ----------------------- |
    | before it was ever ready               | none: it can't start    |
    | after `healthy_s` of readiness         | at once                 |
    | sooner, or before it was ready again   | at once, then after `first_s`, doubling up to `most_s` |
    """

    def __init__(self, patience: Patience = Patience()) -> None:
        self._patience = patience
        self._was_ever_ready = False
        self._ready_at: float | None = None
        self._quick_ends = 0

    def ready(self, now: float) -> None:
        """The child can be used."""
        self._was_ever_ready = True
        self._ready_at = now

    def ended(self, now: float) -> float | None:
        """The child has ended, unasked. Seconds until it is started again, or None: give up."""
        healthy = self._ready_at is not None and now - self._ready_at >= self._patience.healthy_s
        self._ready_at = None
        if not self._was_ever_ready:
            return None
        self._quick_ends = 1 if healthy else self._quick_ends + 1
        if self._quick_ends == 1:
            return 0.0
        return float(min(self._patience.most_s, self._patience.first_s * 2 ** min(self._quick_ends - 2, 30)))
