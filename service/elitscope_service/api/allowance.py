"""How often a caller may ask: so many requests a second, and twice as many at once after a pause."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST_CALLERS = 4096


@dataclass
class _Bucket:
    left: float
    at: float


class Allowance:
    """Token buckets by caller. For one thread.

    >>> allowance = Allowance(per_s=1.0, clock=iter([0.0, 0.0, 0.0, 0.5, 1.0]).__next__)
    >>> [allowance.wait_s("ana") for _ in range(5)]
    [0.0, 0.0, 1.0, 0.5, 0.0]
    """

    def __init__(self, per_s: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._most = 2 * per_s
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}

    def wait_s(self, caller: Hashable) -> float:
        """0 where the caller may go on, which is counted; otherwise the seconds to wait."""
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            self._make_room()
            bucket = self._buckets[caller] = _Bucket(self._most, now)
        bucket.left = min(self._most, bucket.left + (now - bucket.at) * self._per_s)
        bucket.at = now
        if bucket.left < 1.0:
            return (1.0 - bucket.left) / self._per_s
        bucket.left -= 1.0
        return 0.0

    def _make_room(self) -> None:
        while len(self._buckets) >= MOST_CALLERS:
            del self._buckets[next(iter(self._buckets))]
