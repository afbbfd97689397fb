"""Counts and latencies of one stream, kept as they come: cumulative for Prometheus, percentiles of the recent ones for people."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from elitscope.types import Timing
from elitscope_service.status import BUCKETS_S, STAGES, Histogram

RECENT_FRAMES = 256
RATE_WINDOW_S = 10.0


class Latency:
    """A cumulative histogram and a window of recent values."""

    def __init__(self) -> None:
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0
        self._recent_ms: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._read = Histogram()
        self._changed = False

    def observe(self, milliseconds: float) -> None:
        """Take in one frame's time."""
        self._buckets[bisect_left(BUCKETS_S, milliseconds / 1e3)] += 1
        self._sum_s += milliseconds / 1e3
        self._recent_ms.append(milliseconds)
        self._changed = True

    def read(self) -> Histogram:
        """The figures so far."""
        if self._changed:
            ordered = sorted(self._recent_ms)
            p50, p90, p99 = (round(percentile(ordered, fraction), 3) for fraction in (0.5, 0.9, 0.99))
            count, sum_s, buckets = sum(self._buckets), round(self._sum_s, 6), tuple(self._buckets)
            self._read = Histogram(count=count, sum_s=sum_s, buckets=buckets, p50_ms=p50, p90_ms=p90, p99_ms=p99)
            self._changed = False
        return self._read


@dataclass
class Figures:
    """What a stream's frames came to. Written and read by the io thread alone."""

    outcomes: Counter[str] = field(default_factory=Counter)
    total: Latency = field(default_factory=Latency)
    stages: dict[str, Latency] = field(default_factory=lambda: {stage: Latency() for stage in STAGES})
    _answered_at: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))

    def count(self, outcome: str, now: float, timing: Timing | None = None) -> None:
        """A frame was answered: `outcome` is "result" or a rejection's code; `now` in monotonic seconds."""
        self.outcomes[outcome] += 1
        self._answered_at.append(now)
        if timing is not None:
            self.total.observe(timing.total_ms)
            for stage in STAGES:
                self.stages[stage].observe(getattr(timing, f"{stage}_ms"))

    def rate_hz(self, now: float) -> float:
        """Frames answered per second over the last `RATE_WINDOW_S`."""
        while self._answered_at and now - self._answered_at[0] > RATE_WINDOW_S:
            self._answered_at.popleft()
        return len(self._answered_at) / RATE_WINDOW_S


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The value below which `fraction` of the ordered values lie, interpolated as NumPy does (which takes ten times as long for so few).

    >>> percentile([1.0, 2.0, 4.0], 0.5), percentile([1.0, 2.0, 4.0], 0.75)
    (2.0, 3.0)
    """
    position = fraction * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
