"""What waits to be looked at: the latest of each topic, in turn."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from elitscope.messages import Event
from elitscope_service.monitor.inbox import Inbox


def taken(puts: list[tuple[str, int]]) -> list[tuple[str, Any]]:
    """What comes out once all of that was put in by another thread."""

    async def scenario() -> list[tuple[str, Any]]:
        inbox = Inbox(asyncio.get_running_loop())
        first = asyncio.create_task(inbox.take())
        await asyncio.sleep(0)

        def fill() -> None:
            for topic, number in puts:
                inbox.put(topic, Event({"n": number}))

        thread = threading.Thread(target=fill)
        thread.start()
        await asyncio.to_thread(thread.join)
        topics = {topic for topic, _ in puts}
        async with asyncio.timeout(120.0):
            found = [await first]
            found += [await inbox.take() for _ in range(len(topics) - 1)]
        return [(topic, message.body["n"]) for topic, message in found]  # type: ignore[union-attr]

    return asyncio.run(scenario())


def test_the_latest_of_a_topic_replaces_what_waits_and_keeps_its_turn() -> None:
    assert taken([("look/a/", 1), ("look/b/", 2), ("look/a/", 3), ("inactive/a/", 4), ("look/b/", 5)]) == [
        ("look/a/", 3),
        ("look/b/", 5),
        ("inactive/a/", 4),
    ]


def test_who_waits_is_woken_by_what_comes() -> None:
    assert taken([("look/a/", 1)]) == [("look/a/", 1)]
