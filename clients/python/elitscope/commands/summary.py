"""What a run of frames came to: counts, latencies by stage, warnings."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional, Union

import numpy as np

from elitscope.types import Rejection, Result

STAGES = ("queue", "preprocess", "inference", "atoms", "total", "client")
"""Where a frame's time goes: four stages and the total in the server, and `client`: from handing the frame over to holding its answer."""


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True)
class Summary:
    """A run, counted on the client's side. Every frame sent has one answer, unless the run was interrupted."""

    frames_sent: int
    results: int
    rejections_by_code: Mapping[str, int]
    seconds: float
    latency_ms: Mapping[str, Percentiles]
    atoms_per_frame: Optional[float]
    warnings: Mapping[str, int]
    ensembles: tuple[str, ...]
    plans: tuple[str, ...]
    interrupted: bool = False

    @property
    def rejections(self) -> int:
        """Frames that were answered with a rejection."""
        return sum(self.rejections_by_code.values())

    @property
    def unanswered(self) -> int:
        """Frames still under way when the run was interrupted."""
        return self.frames_sent - self.results - self.rejections

    @property
    def frames_per_second(self) -> float:
        """Answers by the run's duration."""
        return (self.results + self.rejections) / self.seconds if self.seconds > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        counts = {"rejections": self.rejections, "unanswered": self.unanswered, "frames_per_second": round(self.frames_per_second, 3)}
        return {**asdict(self), **counts}


class Tally:
    """Counts while a run is under way; `started` and the times of its answers come from the caller's clock, in seconds."""

    def __init__(self, started: float) -> None:
        self.sent = 0
        self.results = 0
        self.rejections: Counter[str] = Counter()
        self.interrupted = False
        self._started = started
        self._times = {stage: array("d") for stage in STAGES}
        self._atoms: list[int] = []
        self._warnings: Counter[str] = Counter()
        self._ensembles: dict[str, None] = {}
        self._plans: dict[str, None] = {}

    def count(self, reply: Union[Result, Rejection], client_ms: float) -> None:
        """Note one answer and the milliseconds that its client waited for it."""
        if isinstance(reply, Rejection):
            self.rejections[reply.code] += 1
            return
        self.results += 1
        for stage in STAGES[:-1]:
            self._times[stage].append(getattr(reply.timing, f"{stage}_ms"))
        self._times["client"].append(client_ms)
        self._warnings.update({warning.partition(":")[0] for warning in reply.warnings})
        self._ensembles[f"{reply.ensemble} {reply.ensemble_version}"] = None
        self._plans[reply.plan] = None
        if reply.atoms is not None:
            self._atoms.append(len(reply.atoms))

    def summary(self, now: float) -> Summary:
        """What there is to say at time `now`."""
        return Summary(
            frames_sent=self.sent,
            results=self.results,
            rejections_by_code=dict(self.rejections),
            seconds=round(now - self._started, 3),
            latency_ms={stage: percentiles(times) for stage, times in self._times.items() if times},
            atoms_per_frame=round(float(np.mean(self._atoms)), 2) if self._atoms else None,
            warnings=dict(self._warnings),
            ensembles=tuple(self._ensembles),
            plans=tuple(self._plans),
            interrupted=self.interrupted,
        )


def percentiles(times_ms: array[float]) -> Percentiles:
    """Median, 90th and 99th percentile and maximum, rounded to microseconds.

    >>> percentiles(array("d", [1.0, 2.0, 3.0]))
    Percentiles(p50=2.0, p90=2.8, p99=2.98, max=3.0)
    """
    p50, p90, p99, most = (round(float(value), 3) for value in np.percentile(np.frombuffer(times_ms), (50, 90, 99, 100)))
    return Percentiles(p50, p90, p99, most)
