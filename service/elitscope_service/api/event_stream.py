"""One listener to events, as `text/event-stream` of the HTML standard.

A listener reads from the ring at its own pace. One that is so slow that events it has not read are gone is told so and sent away; one that
does not read at all is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from elitscope_service.api.event_log import EventLog, LoggedEvent
from elitscope_service.api.seats import Seats

HEARTBEAT_S = 15.0
STUCK_S = 20.0
RETRY_MS = 2000
MEDIA_TYPE = "text/event-stream"


class EventStream(Response):
    """Sends events until the listener goes, is too slow, or the log closes.

    Args:
        log: where events come from.
        after: the id of the last event that the listener has, empty for a new one, who gets what happens from now on.
        stream: the only stream whose events are wanted; None for all events.
        seats: to take one of.
    """

    media_type = MEDIA_TYPE

    def __init__(self, log: EventLog, after: str, stream: str | None, seats: Seats) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._log = log
        self._stream = stream
        self._seats = seats
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seats.one():
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            gone = asyncio.create_task(_disconnected(receive))
            telling = asyncio.create_task(self._tell(send))
            try:
                await asyncio.wait([gone, telling], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (gone, telling):
                    task.cancel()
                await asyncio.gather(gone, telling, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        number, opening = self._start()
        await _send(send, opening)
        while not self._log.closed:
            events, missed = self._log.since(number)
            if missed:
                await _send(send, self._missed(missed, "this listener was too slow: it is sent away, and can come back"))
                break
            if not events:
                await self._log.wait(number, HEARTBEAT_S)
                if self._log.last <= number:
                    await _send(send, ": nothing new\n\n")
                continue
            number = events[-1].number
            text = "".join(self._text(event) for event in events if self._wanted(event.body))
            if text:
                await _send(send, text)
        await _send(send, "", more=False)

    def _start(self) -> tuple[int, str]:
        """The number to go on after, and what to say first."""
        last = self._log.last
        opening = f"retry: {RETRY_MS}\n"
        if not self._after:
            return last, f"{opening}id: {self._log.run}-{last}\n\n"
        number = event_number(self._after, self._log.run)
        if number is None or number > last:
            why = f"{self._after[:40]!r} is no event of this run of the API, which may have been started again: read the state anew"
            return last, f"{opening}\n" + self._missed(None, why)
        missed = self._log.since(number)[1]
        if not missed:
            return number, f"{opening}\n"
        return number + missed, f"{opening}\n" + self._missed(missed, "they are no longer kept: read the state anew")

    def _missed(self, count: int | None, why: str) -> str:
        body = {"event": "missed", "missed": count, "why": why}
        return f"event: missed\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"

    def _text(self, event: LoggedEvent) -> str:
        name = str(event.body.get("event", "message")).replace("\n", " ")
        return f"id: {self._log.run}-{event.number}\nevent: {name}\ndata: {json.dumps(event.body, separators=(',', ':'))}\n\n"

    def _wanted(self, body: Mapping[str, Any]) -> bool:
        return self._stream is None or body.get("stream") == self._stream


def event_number(text: str, run: str) -> int | None:
    """The number in an event's id, None where it is of another run.

    >>> event_number("ab12-7", "ab12"), event_number("ab12-x", "ab12"), event_number("0000-7", "ab12")
    (7, None, None)
    """
    name, _, number = text.rpartition("-")
    return int(number) if name == run and number.isdecimal() and len(number) < 20 else None


async def _send(send: Send, text: str, more: bool = True) -> None:
    async with asyncio.timeout(STUCK_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": more})


async def _disconnected(receive: Receive) -> None:
    with contextlib.suppress(Exception):
        while (await receive())["type"] != "http.disconnect":
            pass
