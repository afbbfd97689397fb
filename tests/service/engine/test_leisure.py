"""When a pass that nobody waits for may be made."""

from __future__ import annotations

import pytest

from elitscope_service.engine.leisure import REMEMBERED, SETTLED_S, SHARE, Leisure
from tests.service.builders import Clock


class Worker:
    """A worker's day, by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.leisure = Leisure(self.clock)

    def frame(self, seconds: float) -> None:
        self.leisure.begin()
        self.clock.now += seconds
        self.leisure.busy(seconds)

    def pause(self, seconds: float) -> None:
        self.leisure.idle()
        self.clock.now += seconds


def test_a_pause_that_has_lasted_is_used() -> None:
    worker = Worker()
    worker.frame(0.1)
    worker.pause(SETTLED_S - 0.01)
    assert not worker.leisure.allows()
    assert worker.leisure.wait_s() == pytest.approx(0.01)
    worker.pause(0.02)
    assert worker.leisure.allows()
    assert worker.leisure.wait_s() == 0


@pytest.mark.parametrize(("pause", "allowed"), [(0.5, True), (0.2, True), (0.14, False), (0.0, False)])
def test_the_start_of_a_pause_is_used_where_the_last_ones_were_all_long_enough(pause: float, allowed: bool) -> None:
    worker = Worker()
    for _ in range(REMEMBERED):
        worker.frame(0.1)
        worker.pause(pause)
    worker.frame(0.1)
    worker.pause(0.0)
    assert worker.leisure.allows() is allowed


def test_one_short_pause_among_long_ones_is_enough_to_wait() -> None:
    worker = Worker()
    for index in range(REMEMBERED):
        worker.frame(0.1)
        worker.pause(0.01 if index == 3 else 0.5)
    worker.frame(0.1)
    worker.pause(0.0)
    assert not worker.leisure.allows()


def test_a_worker_that_is_never_idle_gives_up_its_share_and_no_more() -> None:
    worker, passes = Worker(), 0
    for _ in range(10_000):
        worker.frame(0.05)
        if worker.leisure.allows():
            passes += 1
            worker.clock.now += 0.05
            worker.leisure.spent(0.05)
    assert passes == pytest.approx(SHARE * 10_000, rel=0.1)


def test_what_was_not_used_does_not_add_up() -> None:
    worker = Worker()
    for _ in range(100_000):
        worker.frame(0.05)
    assert worker.leisure.allows()
    worker.leisure.spent(0.05)
    worker.frame(0.05)
    assert not worker.leisure.allows()
