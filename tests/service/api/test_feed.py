"""What is kept of what the engine publishes: as long as somebody looks, the latest, within bounds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from elitscope.messages import ResultMessage
from elitscope.types import Result, Timing
from elitscope_service.api.feed import Feed
from elitscope_service.api.listener import FeedListener
from tests.service.builders import SESSION, Clock, frame
from tests.service.wire import Peer, RunningEngine
from tests.support.server import wait_until

PREVIEW, MEMBERS = "preview/haadf/", "members/haadf/"


def shown(frame_id: int = 0, side: int = 4) -> ResultMessage:
    """A publication of side² float32."""
    mean = np.zeros((1, side, side), np.float32)
    return ResultMessage(Result(frame_id, "haadf", frame_id, "e", "1", (0,), 1, "p", ("C",), None, (), Timing(), mean=mean))


def test_nothing_is_wanted_before_somebody_looks_nor_some_seconds_after() -> None:
    clock = Clock()
    feed = Feed(clock, lease_s=10)
    assert not feed.wanted()
    assert feed.look(PREVIEW) is None
    clock.now = 9.9
    assert feed.wanted() == {PREVIEW}
    feed.look(PREVIEW)
    clock.now = 19.8
    assert feed.wanted() == {PREVIEW}
    clock.now = 19.9
    assert not feed.wanted()


def test_the_latest_wins_and_is_let_go_of_with_the_lease() -> None:
    clock = Clock()
    feed = Feed(clock, lease_s=10)
    feed.look(PREVIEW)
    for index in range(3):
        feed.put(PREVIEW, shown(index))
    found = feed.look(PREVIEW)
    assert found is not None and found.result.frame_id == 2
    clock.now = 30
    feed.wanted()
    assert feed.look(PREVIEW) is None


def test_what_nobody_looks_at_is_not_kept() -> None:
    feed = Feed(Clock())
    feed.put(PREVIEW, shown())
    assert feed.look(PREVIEW) is None


def test_a_viewer_keeps_the_topic_wanted_for_as_long_as_it_stays() -> None:
    clock = Clock()
    feed = Feed(clock, lease_s=10)
    with feed.viewing([PREVIEW, MEMBERS]):
        clock.now = 1e6
        assert feed.wanted() == {PREVIEW, MEMBERS}
    clock.now += 10
    assert not feed.wanted()


def test_looking_at_too_many_topics_lets_go_of_the_one_looked_at_longest_ago_but_of_no_viewers() -> None:
    feed = Feed(Clock(), most_topics=2)
    with feed.viewing(["a/"]):
        for topic in ("b/", "c/", "d/"):
            feed.look(topic)
        assert feed.wanted() == {"a/", "d/"}


def test_bytes_are_bounded_at_the_cost_of_what_was_looked_at_longest_ago() -> None:
    feed = Feed(Clock(), most_bytes=2 * 64)
    for topic in ("a/", "b/", "c/"):
        feed.look(topic)
    for topic in ("a/", "b/", "c/"):
        feed.put(topic, shown())
    assert [feed.look(topic) is None for topic in ("a/", "b/", "c/")] == [True, False, False]


def test_who_waits_gets_the_next_one_and_not_the_one_it_knows() -> None:
    feed = Feed(time.monotonic)

    async def wait_twice() -> tuple[int, int]:
        first = await feed.latest(PREVIEW, 120)
        assert first is not None
        threading.Thread(target=feed.put, args=(PREVIEW, shown(8))).start()
        second = await feed.latest(PREVIEW, 120, after=first)
        assert second is not None
        return first.result.frame_id, second.result.frame_id

    feed.look(PREVIEW)
    feed.put(PREVIEW, shown(7))
    assert asyncio.run(wait_twice()) == (7, 8)


def test_who_waits_in_vain_gets_nothing() -> None:
    assert asyncio.run(Feed(time.monotonic).latest(PREVIEW, 0.01)) is None


@contextmanager
def listening(feed: Feed, address: str) -> Iterator[FeedListener]:
    thread = FeedListener(feed)
    thread.start()
    thread.watch(address)
    try:
        yield thread
    finally:
        thread.stop()
        assert thread.join(120)
        assert thread.failure is None


def test_the_engine_is_asked_for_costly_publications_only_while_somebody_looks(start_engine: Callable[..., RunningEngine]) -> None:
    engine, clock = start_engine(), Clock()
    feed = Feed(clock, lease_s=10)
    subscriptions = engine.engine._publisher.subscriptions
    with listening(feed, engine.publish), Peer(engine.bind).greet(SESSION) as peer:
        assert isinstance(peer.ask(frame()), ResultMessage)
        assert not subscriptions.want(PREVIEW)
        feed.look(PREVIEW)
        wait_until(lambda: subscriptions.want(PREVIEW))
        assert not subscriptions.want(MEMBERS)
        assert isinstance(peer.ask(frame(1)), ResultMessage)
        found = wait_until(lambda: feed.look(PREVIEW))
        assert found.frame is not None and found.result.mean is not None
        clock.now = 100
        wait_until(lambda: not subscriptions.want(PREVIEW))
