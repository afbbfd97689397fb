"""The mailbox of publications: bounded, latest wins, drops are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from elitscope_service.engine.mailbox import Mailbox


def emptied(mailbox: Mailbox) -> list[tuple[str, int]]:
    found = []
    while (entry := mailbox.take()) is not None:
        found.append(entry)
    return found


def test_messages_come_out_in_the_order_in_which_they_came() -> None:
    mailbox = Mailbox({"summary": 3}, most=10)
    for topic, message in (("summary/a/", 1), ("status/", 2), ("summary/a/", 3)):
        mailbox.put(topic, message)
    assert emptied(mailbox) == [("summary/a/", 1), ("status/", 2), ("summary/a/", 3)]
    assert mailbox.dropped == 0


def test_a_full_topic_loses_its_oldest_and_no_other_topics() -> None:
    mailbox = Mailbox({"summary": 2}, most=10)
    for message in range(4):
        mailbox.put("summary/a/", message)
    mailbox.put("summary/b/", 9)
    assert emptied(mailbox) == [("summary/a/", 2), ("summary/a/", 3), ("summary/b/", 9)]
    assert mailbox.dropped == 2


def test_a_topic_without_a_depth_keeps_the_latest_alone() -> None:
    mailbox = Mailbox({}, most=10)
    mailbox.put("preview/a/", 1)
    mailbox.put("preview/a/", 2)
    assert emptied(mailbox) == [("preview/a/", 2)]


def test_over_all_topics_the_oldest_goes() -> None:
    mailbox = Mailbox({}, most=2)
    for index, topic in enumerate(("a/", "b/", "c/")):
        mailbox.put(topic, index)
    assert emptied(mailbox) == [("b/", 1), ("c/", 2)]
    assert mailbox.dropped == 1


@given(st.lists(st.none() | st.sampled_from(["summary/a/", "summary/b/", "preview/a/", "status/"])))
def test_everything_is_taken_out_or_counted_as_dropped(operations: list[str | None]) -> None:
    mailbox = Mailbox({"summary": 2}, most=4)
    put = taken = 0
    for topic in operations:
        if topic is None:
            taken += mailbox.take() is not None
        else:
            mailbox.put(topic, put)
            put += 1
        assert len(mailbox) == put - taken - mailbox.dropped <= 4
