"""Counts, latencies and rates."""

from __future__ import annotations

import pytest

from elitscope.types import Timing
from elitscope_service.engine.figures import RATE_WINDOW_S, RECENT_FRAMES, Figures, Latency
from elitscope_service.status import BUCKETS_S, Histogram


@pytest.mark.parametrize(("milliseconds", "bucket"), [(0.0, 0), (1.0, 0), (1.01, 1), (1000.0, 9), (60_000.0, 13), (60_001.0, 14)])
def test_a_time_falls_into_the_bucket_whose_bound_it_does_not_exceed(milliseconds: float, bucket: int) -> None:
    latency = Latency()
    latency.observe(milliseconds)
    assert latency.read().buckets.index(1) == bucket
    assert len(latency.read().buckets) == len(BUCKETS_S) + 1


def test_no_frames_give_no_percentiles() -> None:
    assert Latency().read() == Histogram()
    assert Histogram().p50_ms is None


def test_the_histogram_is_cumulative_and_the_percentiles_are_recent() -> None:
    latency = Latency()
    for _ in range(RECENT_FRAMES):
        latency.observe(1000.0)
    for _ in range(RECENT_FRAMES):
        latency.observe(10.0)
    found = latency.read()
    assert (found.count, found.sum_s) == (2 * RECENT_FRAMES, pytest.approx(RECENT_FRAMES * 1.01))
    assert (found.p50_ms, found.p99_ms) == (10.0, 10.0)


def test_outcomes_are_counted_and_only_results_have_times() -> None:
    figures = Figures()
    figures.count("result", 0.0, Timing(queue_ms=1, preprocess_ms=2, inference_ms=3, atoms_ms=4, total_ms=11))
    figures.count("overloaded", 0.0)
    assert figures.outcomes == {"result": 1, "overloaded": 1}
    assert figures.total.read().count == 1
    assert {stage: latency.read().p50_ms for stage, latency in figures.stages.items()} == {
        "queue": 1.0,
        "preprocess": 2.0,
        "inference": 3.0,
        "atoms": 4.0,
    }


def test_the_rate_is_that_of_the_last_seconds() -> None:
    figures = Figures()
    for second in range(20):
        figures.count("result", float(second))
    assert figures.rate_hz(19.0) == pytest.approx(11 / RATE_WINDOW_S)
    assert figures.rate_hz(100.0) == 0.0
