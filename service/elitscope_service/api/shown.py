"""What the routes about live frames share: finding the frame, saying which one it is, and keeping the work off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from fastapi import Depends, Request, Response
from starlette.requests import HTTPConnection

from elitscope.messages import ResultMessage
from elitscope.types import Result
from elitscope_service.api.feed import Feed
from elitscope_service.api.in_force import InForce
from elitscope_service.api.problems import coded
from elitscope_service.publications import topic

T = TypeVar("T")

PATIENCE_S = 1.5
"""How long a request waits for a frame to come by, where nobody was looking before."""


def live_feed(connection: HTTPConnection) -> Feed:
    """The feed that the application was built with."""
    feed: Feed = connection.app.state.feed
    return feed


LiveFeed = Annotated[Feed, Depends(live_feed)]


async def shown(kind: str, selected: InForce, feed: Feed) -> ResultMessage:
    """The last publication of a kind.

    Raises:
        ProblemError: 404 where none of the stream's frames came by.
    """
    message = await feed.latest(topic(kind, selected.stream), PATIENCE_S)
    if message is None:
        detail = f"no analysed frame of stream {selected.stream!r} came by within {PATIENCE_S:g} s: send one, or ask while frames stream"
        raise coded("no_frame_yet", detail)
    return message


async def off_the_loop(connection: HTTPConnection, work: Callable[..., T], *arguments: Any) -> T:
    """Work that takes more than a millisecond, in a thread; only so many at a time, since every core is the engine's first."""
    return await anyio.to_thread.run_sync(work, *arguments, limiter=connection.app.state.painters)


def frame_headers(result: Result, tag: str = "") -> dict[str, str]:
    """Which frame an answer is about; `ETag` changes with the frame, so that a poller can ask for the next one only."""
    return {
        "ETag": f'"{result.epoch}-{result.sequence}{tag}"',
        "Cache-Control": "no-store",
        "X-Elitscope-Frame": str(result.frame_id),
        "X-Elitscope-Revision": str(result.revision),
    }


def not_modified(request: Request, headers: dict[str, str]) -> Response | None:
    """The answer to a poller who has seen this frame already."""
    given = request.headers.get("if-none-match", "")
    known = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return Response(status_code=304, headers=headers) if headers["ETag"] in known or "*" in known else None


FRAME_HEADERS: dict[str, Any] = {
    "ETag": {"description": "Names the frame; as `If-None-Match` it brings 304 until there is another", "schema": {"type": "string"}},
    "X-Elitscope-Frame": {"description": "Id of the frame", "schema": {"type": "string"}},
    "X-Elitscope-Revision": {"description": "Revision of the selection that it was analysed under", "schema": {"type": "integer"}},
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "There is no other frame since the one that `If-None-Match` names"}}
