"""Live frames for viewers, over WebSocket: latest wins, so that a slow viewer gets fewer of them and holds up nobody."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from elitscope.messages import ResultMessage
from elitscope_service.api.callers import Reader
from elitscope_service.api.feed import Feed
from elitscope_service.api.in_force import Selected
from elitscope_service.api.live_message import LiveOptions, live_message
from elitscope_service.api.shown import LiveFeed, off_the_loop
from elitscope_service.publications import topic

router = APIRouter(prefix="/v1/streams/{stream}/live", tags=["live"])

LOOK_AGAIN_S = 5.0
EARLY = 0.5
"""Pauses between messages by which one may come too soon; the next has to wait that much longer."""
STUCK_S = 20.0
"""A viewer that has not taken a message after so long is cut off."""


class Viewer:
    """One WebSocket. Kinds of publication take turns on it."""

    def __init__(self, websocket: WebSocket, feed: Feed, stream: str, options: LiveOptions) -> None:
        self._websocket = websocket
        self._feed = feed
        self._stream = stream
        self._options = options
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Send what comes, until the viewer goes or does not read any more."""
        kinds = self._options.kinds()
        with self._feed.viewing([topic(kind, self._stream) for kind in kinds]):
            tasks = [asyncio.create_task(self._follow(kind)) for kind in kinds]
            tasks.append(asyncio.create_task(self._until_gone()))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, kind: str) -> None:
        seen: ResultMessage | None = None
        clock, pause = asyncio.get_running_loop().time, 1 / self._options.rate
        due = clock()
        while True:
            message = await self._feed.latest(topic(kind, self._stream), LOOK_AGAIN_S, after=seen)
            if message is None:
                continue
            if seen is None or _mark(message) != _mark(seen):
                due = max(due, clock()) + pause
                data = await off_the_loop(self._websocket, live_message, message, kind, self._options)
                async with self._sending, asyncio.timeout(STUCK_S):
                    await self._websocket.send_bytes(data)
                await asyncio.sleep(due - EARLY * pause - clock())
            seen = message

    async def _until_gone(self) -> None:
        """What a viewer says is passed over; it only matters that it is there."""
        with contextlib.suppress(WebSocketDisconnect):
            while (await self._websocket.receive())["type"] != "websocket.disconnect":
                pass


@router.websocket("")
async def live(websocket: WebSocket, feed: LiveFeed, selected: Selected, reader: Reader) -> None:
    """Binary messages as clients/PROTOCOL.md, "Live frames over WebSocket", describes them."""
    options = LiveOptions.parse(websocket.query_params)
    with websocket.app.state.viewers.one():
        await websocket.accept()
        await Viewer(websocket, feed, selected.stream, options).serve()
        with contextlib.suppress(RuntimeError, OSError):  # it has gone
            await websocket.close()


def _mark(message: ResultMessage) -> tuple[str, int]:
    """A frame can come twice: to whoever joins, its last one is sent again."""
    return message.result.epoch, message.result.sequence
