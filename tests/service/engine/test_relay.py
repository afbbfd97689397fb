"""What the drift monitor tells goes out as events and figures; what is no such thing goes nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from elitscope_service.engine.relay import MOST_CHARACTERS, Relay
from elitscope_service.store.documents import Told
from tests.service.builders import Clock


def relayed(said: str) -> list[tuple[str, Any]]:
    published: list[tuple[str, Any]] = []
    Relay(lambda topic, message: published.append((topic, message.body)), "e1", Clock())(said)  # type: ignore[union-attr]
    return published


@pytest.mark.parametrize(("is_event", "topic"), [(True, "event/"), (False, "drift/haadf/")])
def test_events_and_figures_have_topics_of_their_own(is_event: bool, topic: str) -> None:
    told = Told(stream="haadf", is_event=is_event, at=7.0, body={"score": 1.2, "event": "selection", "stream": "other"})
    assert relayed(told.dumps()) == [(topic, {"event": "drift", "stream": "haadf", "score": 1.2, "at": 7.0, "epoch": "e1"})]


@pytest.mark.parametrize("said", ["", "{", "[]", '{"stream": "A B", "is_event": true, "at": 1, "body": {}}', " " * (MOST_CHARACTERS + 1)])
def test_what_can_not_be_read_is_left(said: str) -> None:
    assert relayed(said) == []
