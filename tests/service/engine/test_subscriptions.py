"""Who wants what, and how often."""

from __future__ import annotations

import pytest

from elitscope_service.engine.subscriptions import MOST_PREFIXES, RateLimit, Subscriptions
from elitscope_service.engine.wishes import Wishes
from elitscope_service.publications import INACTIVE, LOOK, PREVIEW


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


@pytest.mark.parametrize("off_s", [0.0, 0.01, 0.02])
def test_frames_that_come_at_just_the_rate_are_all_let_through_however_unevenly(off_s: float) -> None:
    times = [0.1 * i + (off_s if i % 3 == 0 else -off_s if i % 3 == 1 else 0.0) for i in range(100)]
    limit = RateLimit(hertz=10.0, clock=iter(times).__next__)
    assert all(limit.due("a/") for _ in times)


def test_what_comes_faster_is_let_through_at_no_more_than_the_rate() -> None:
    times = [0.07 * i for i in range(1000)]
    limit = RateLimit(hertz=10.0, clock=iter(times).__next__)
    assert 600 < sum(limit.due("a/") for _ in times) <= 701


def test_a_rate_of_zero_means_never() -> None:
    assert not RateLimit(hertz=0.0, clock=lambda: 0.0).due("a/")


@pytest.mark.parametrize(("hertz", "look_hertz"), [(4.0, 5.0), (0.0, 5.0), (4.0, 0.0), (0.0, 0.0)])
def test_previews_and_looks_have_rates_of_their_own(hertz: float, look_hertz: float) -> None:
    subscriptions = Subscriptions()
    for topic in (b"\1preview/", b"\1look/", b"\1inactive/"):
        subscriptions.note(topic)
    wishes = Wishes(subscriptions, hertz, lambda: 0.0, look_hertz)
    assert wishes.of("haadf") == {kind for kind, rate in ((PREVIEW, hertz), (LOOK, look_hertz)) if rate}
    assert wishes.of("haadf") == frozenset()
    assert wishes.want(INACTIVE, "haadf") is bool(hertz or look_hertz)
