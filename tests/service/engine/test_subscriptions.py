"""Who wants what, and how often."""

from __future__ import annotations

import pytest

from elitscope_service.engine.subscriptions import MOST_PREFIXES, RateLimit, Subscriptions


@pytest.mark.parametrize(
    ("messages", "topic", "wanted"),
    [
        ([], "status/", False),
        ([b"\1"], "status/", True),
        ([b"\1summary/"], "summary/haadf/", True),
        ([b"\1summary/haadf/"], "summary/haadf/", True),
        ([b"\1summary/haadf/"], "summary/haadf2/", False),
        ([b"\1summary/1/"], "summary/10/", False),
        ([b"\1summary/", b"\0summary/"], "summary/haadf/", False),
        ([b"\1summary/", b"\1summary/haadf/", b"\0summary/"], "summary/haadf/", True),
        ([b"\0summary/"], "summary/haadf/", False),
        ([b"hello", b"", b"\2x"], "hello", False),
        ([b"\1\xff\xfe"], "status/", False),
    ],
)
def test_a_topic_is_wanted_where_a_subscribed_prefix_fits(messages: list[bytes], topic: str, wanted: bool) -> None:
    subscriptions = Subscriptions()
    for message in messages:
        subscriptions.note(message)
    assert subscriptions.want(topic) is wanted


def test_the_prefixes_of_a_mad_subscriber_are_bounded() -> None:
    subscriptions = Subscriptions()
    for number in range(MOST_PREFIXES + 10):
        subscriptions.note(b"\1%d/" % number)
    assert len(subscriptions) == MOST_PREFIXES


def test_topics_are_limited_one_by_one() -> None:
    now = [0.0]
    limit = RateLimit(hertz=1.0, clock=lambda: now[0])
    assert [limit.due("a/"), limit.due("b/"), limit.due("a/")] == [True, True, False]
    now[0] = 1.0
    assert [limit.due("a/"), limit.due("a/")] == [True, False]


def test_a_rate_of_zero_means_never() -> None:
    assert not RateLimit(hertz=0.0, clock=lambda: 0.0).due("a/")
