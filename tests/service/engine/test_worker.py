"""The worker: one answer a frame, whatever its steps do; the reply before the publications; nothing ends the thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from elitscope.errors import FrameInvalid
from elitscope.messages import ResultMessage
from elitscope.types import Result, Timing
from elitscope_service.engine.aside import Aside
from elitscope_service.engine.subscriptions import Subscriptions
from elitscope_service.engine.wishes import Wishes
from elitscope_service.engine.work import WorkQueue
from elitscope_service.engine.worker import Numbering, WorkerThread
from elitscope_service.pipeline import Analysed, PartialUnsupported
from elitscope_service.scheduler import Job, Scheduler
from tests.service.builders import Clock, frame

Steps = Generator[float, None, Analysed]


def analysed(job: Job, classes: tuple[str, ...] = ("C",)) -> Analysed:
    reply = ResultMessage(Result(job.frame_id, job.stream, 0, "toy", "1", (0,), 1, "plan", classes, None, (), Timing()))
    return Analysed(reply, ((f"summary/{job.stream}/", reply),), frame(job.frame_id), reply.result)


class Shop:
    """A worker whose every frame does what `payload` says, and a log of what it hands over."""

    def __init__(self, max_started: int = 4) -> None:
        self.clock = Clock()
        self.work = WorkQueue(Scheduler(100, 1000, max_started), self.clock)
        self.log: list[tuple[str, Any]] = []
        self.closed: list[int] = []
        aside = Aside(Wishes(Subscriptions(), 1.0, self.clock), lambda name: None, self.publish, self.clock)
        self.thread = WorkerThread(self.work, self.begin, self.post, self.publish, aside, self.clock)

    def begin(self, job: Job) -> Steps:
        try:
            yield from job.payload(self, job)
        finally:
            self.closed.append(job.frame_id)
        return analysed(job)

    def post(self, answer: Any) -> None:
        self.log.append((answer.outcome, answer.job.frame_id))

    def publish(self, topic: str, message: Any) -> None:
        self.log.append(("publish", topic))

    def run(self, *payloads: Callable[[Shop, Job], Iterator[float]], deadline: float | None = None) -> list[tuple[str, Any]]:
        """Work all of it off: the last frame closes the shop."""
        for frame_id, payload in enumerate(payloads):
            self.work.submit(Job("s", frame_id, f"stream-{frame_id}", 1, 0.0, deadline, payload=payload))
        self.thread.start()
        self.work.drain(120.0)
        self.work.close()
        assert self.thread.join(120.0)
        assert self.thread.failure is None
        return self.log


def good(shop: Shop, job: Job) -> Iterator[float]:
    yield 1.0


def raises(error: BaseException) -> Callable[[Shop, Job], Iterator[float]]:
    def steps(shop: Shop, job: Job) -> Iterator[float]:
        yield 1.0
        raise error

    return steps


def test_a_frame_is_answered_before_it_is_published() -> None:
    assert Shop().run(good) == [("result", 0), ("publish", "summary/stream-0/")]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (FrameInvalid("too dark"), "frame_invalid"),
        (PartialUnsupported("partial"), "partial_unsupported"),
        (MemoryError(), "overloaded"),
        (RuntimeError("defect"), "internal"),
        (ValueError("defect"), "internal"),
        (KeyError("defect"), "internal"),
        (RecursionError(), "internal"),
    ],
)
def test_what_a_frame_raises_costs_that_frame_alone(error: Exception, outcome: str) -> None:
    log = Shop().run(good, raises(error), good)
    assert sorted(entry for entry in log if entry[0] != "publish") == sorted([("result", 0), (outcome, 1), ("result", 2)])


def test_a_reply_that_does_not_fit_the_protocol_is_a_rejection() -> None:
    class Verbose(Shop):
        def begin(self, job: Job) -> Steps:
            yield 1.0
            return analysed(job, classes=tuple(f"class-{i:060d}" for i in range(100)))

    assert Verbose().run(good) == [("internal", 0)]


def test_a_defect_is_logged_with_stream_and_frame(caplog: pytest.LogCaptureFixture) -> None:
    Shop().run(good, raises(RuntimeError("broken pipe dream")))
    assert "frame 1 of stream stream-1 failed" in caplog.text
    assert "broken pipe dream" in caplog.text


def test_a_frame_whose_deadline_passes_between_two_steps_is_given_up_and_closed() -> None:
    def slow(shop: Shop, job: Job) -> Iterator[float]:
        yield 1.0
        shop.clock.now = 10.0
        yield 1.0
        raise AssertionError("it went on after its deadline")

    shop = Shop()
    assert shop.run(slow, deadline=5.0) == [("deadline_exceeded", 0)]
    assert shop.closed == [0]


def test_a_frame_whose_deadline_passed_while_it_waited_is_never_begun() -> None:
    def never(shop: Shop, job: Job) -> Iterator[float]:
        raise AssertionError("it was begun")

    shop = Shop()
    shop.clock.now = 10.0
    assert shop.run(never, deadline=5.0) == [("deadline_exceeded", 0)]


def test_frames_under_way_are_closed_and_sent_back_when_the_shop_closes() -> None:
    def closes_the_shop(shop: Shop, job: Job) -> Iterator[float]:
        yield 1.0
        shop.work.close()
        yield 1.0

    shop = Shop()
    assert shop.run(closes_the_shop) == [("draining", 0)]
    assert shop.closed == [0]


def test_results_are_numbered_stream_by_stream_and_anew_after_a_stream_ended() -> None:
    numbering = Numbering()
    assert [numbering.next(stream) for stream in ("a", "a", "b", "a")] == [0, 1, 0, 2]
    numbering.forget("a")
    numbering.forget("never")
    assert [numbering.next("a"), numbering.next("b")] == [0, 1]
