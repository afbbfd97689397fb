"""One listener to events: what it is sent, in which order, and when it is sent away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from elitscope_service.api.event_log import EventLog
from elitscope_service.api.event_stream import EventStream
from elitscope_service.api.seats import Seats

RUN = "ab12"
Pause = Callable[[], Awaitable[None]]


class Listener:
    """Reads what an `EventStream` sends; `pause` holds up its first body for as long as a slow reader would."""

    def __init__(
        self, log: EventLog, after: str = "", stream: str | None = None, pause: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.seats = Seats(1)
        self.stream = EventStream(log, after, stream, self.seats)
        self.text = ""
        self.ended = False
        self._pause = pause
        self._left = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            self.text += message["body"].decode()
            self.ended = not message["more_body"]
            if self._pause is not None:
                pause, self._pause = self._pause, None
                await pause()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._left.set()

    def events(self) -> list[dict[str, Any]]:
        """The bodies, in order; every one stands under its own name."""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
            if "data" in fields:
                found.append(json.loads(fields["data"]))
                assert fields["event"] == found[-1]["event"]
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not condition():
                await asyncio.sleep(0.001)


def log_of(*names: str, depth: int = 8) -> EventLog:
    log = EventLog(RUN, depth)
    for name in names:
        log.add({"event": name, "stream": name})
    return log


def listen(listener: Listener, during: Callable[[], Awaitable[None]]) -> list[str]:
    """The names of what is sent until `during` is through and the listener leaves."""

    async def run() -> None:
        serving = asyncio.create_task(listener.stream({"type": "http"}, listener.receive, listener.send))
        await listener.until(lambda: bool(listener.text) or serving.done())
        await during()
        listener.leave()
        await asyncio.wait_for(serving, 120)

    asyncio.run(run())
    assert listener.seats.taken == 0
    return [event["event"] for event in listener.events()]


def test_a_new_listener_gets_what_happens_from_now_on_in_order() -> None:
    log = log_of("old")
    listener = Listener(log)

    async def during() -> None:
        for index in range(5):
            log.add({"event": f"e{index}"})
        await listener.until(lambda: len(listener.events()) == 5)

    assert listen(listener, during) == ["e0", "e1", "e2", "e3", "e4"]
    assert f"id: {RUN}-6\nevent: e4\n" in listener.text


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (f"{RUN}-1", ["b", "c"]),
        (f"{RUN}-3", []),
        (f"{RUN}-9", ["missed"]),
        ("0000-1", ["missed"]),
        ("nonsense", ["missed"]),
    ],
)
def test_who_comes_back_goes_on_where_it_was_or_is_told_that_it_can_not(after: str, expected: list[str]) -> None:
    listener = Listener(log_of("a", "b", "c"), after)

    async def during() -> None:
        await listener.until(lambda: len(listener.events()) == len(expected))

    assert listen(listener, during) == expected
    assert all(event["missed"] is None for event in listener.events() if event["event"] == "missed")


def test_who_stayed_away_too_long_is_told_how_many_it_missed_and_gets_the_rest() -> None:
    listener = Listener(log_of(*"abcdef", depth=3), f"{RUN}-1")

    async def during() -> None:
        await listener.until(lambda: len(listener.events()) == 4)

    assert listen(listener, during) == ["missed", "d", "e", "f"]
    assert listener.events()[0]["missed"] == 2


def test_one_stream_can_be_listened_to_alone() -> None:
    listener = Listener(log_of("haadf", "bf", "haadf"), f"{RUN}-0", stream="bf")

    async def during() -> None:
        await listener.until(lambda: len(listener.events()) == 1)

    assert listen(listener, during) == ["bf"]


def test_a_listener_that_falls_behind_is_told_so_and_sent_away_while_others_get_everything() -> None:
    log = log_of(depth=4)

    async def run() -> tuple[Listener, Listener]:
        released = asyncio.Event()

        async def pause() -> None:
            await released.wait()

        slow, quick = Listener(log, pause=pause), Listener(log)
        serving = [asyncio.create_task(one.stream({"type": "http"}, one.receive, one.send)) for one in (slow, quick)]
        await slow.until(lambda: bool(slow.text) and bool(quick.text))
        for index in range(10):
            log.add({"event": f"e{index}"})
            await quick.until(lambda index=index: len(quick.events()) == index + 1)  # type: ignore[misc]
        released.set()
        await asyncio.wait_for(serving[0], 120)
        quick.leave()
        await asyncio.wait_for(serving[1], 120)
        return slow, quick

    slow, quick = asyncio.run(run())
    assert [event["event"] for event in slow.events()] == ["missed"]
    assert slow.events()[0]["missed"] == 6
    assert slow.ended
    assert [event["event"] for event in quick.events()] == [f"e{index}" for index in range(10)]


def test_everybody_is_sent_home_when_the_process_ends() -> None:
    log = log_of()
    listener = Listener(log)

    async def during() -> None:
        log.close()
        await listener.until(lambda: listener.ended)

    assert listen(listener, during) == []
