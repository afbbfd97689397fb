"""The thread that compiles graphs beside the frames."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from dataclasses import dataclass, field

import pytest

from elitscope_service.engine.fusing import FusingThread

PATIENCE_S = 120.0


@dataclass
class Jobs:
    """Stands in for a `Fusion` that has some things waiting."""

    waiting: int = 1
    nice: list[int] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def work(self) -> bool:
        if not self.waiting:
            self.done.set()
            return False
        self.waiting -= 1
        self.nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return True


@pytest.fixture
def thread():
    running = FusingThread()
    running.start()
    yield running
    running.stop()
    assert running.join(PATIENCE_S)


@pytest.mark.parametrize("one_core", [False, True])
def test_everything_that_waits_is_compiled_at_the_lowest_priority_or_on_one_core_a_low_one(one_core: bool) -> None:
    mine, cores = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
    thread, jobs = FusingThread(), Jobs(waiting=3)
    if one_core:
        os.sched_setaffinity(0, {min(cores)})
    try:
        thread.start()  # takes after this one
    finally:
        os.sched_setaffinity(0, cores)
    thread.ask(jobs)  # type: ignore[arg-type]
    assert jobs.done.wait(PATIENCE_S)
    thread.stop()
    assert thread.join(PATIENCE_S)
    assert jobs.nice == [5 if one_core or len(cores) == 1 else 19] * 3
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


def test_an_ensemble_that_is_unloaded_is_not_held_by_the_thread(thread: FusingThread) -> None:
    jobs, last = Jobs(), Jobs()
    gone = weakref.ref(jobs)
    done = jobs.done
    thread.ask(jobs)  # type: ignore[arg-type]
    assert done.wait(PATIENCE_S)
    thread.ask(last)  # type: ignore[arg-type]
    assert last.done.wait(PATIENCE_S)
    del jobs
    gc.collect()
    assert gone() is None


def test_what_waits_when_the_engine_stops_is_left(thread: FusingThread) -> None:
    thread.stop()
    assert thread.join(PATIENCE_S)
    late = Jobs()
    thread.ask(late)  # type: ignore[arg-type]
    assert late.waiting == 1
