"""A stream's selection as the API shows it: what is in force, who holds the stream, and the first frame that was analysed under it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import redis.asyncio
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from elitscope.errors import StoreUnavailable
from elitscope_service.changes import NEWBORN_S, TURN_S, Changes, stream_unknown
from elitscope_service.selection import DEFAULT
from elitscope_service.store import keys
from elitscope_service.store.connect import store_errors
from elitscope_service.store.documents import AppliedSelection, Autopilot, FirstFrame, Hold


class Member(BaseModel):
    """One network of the ensemble."""

    id: int
    active: bool = Field(description="Whether frames are analysed with it")


class HoldView(BaseModel):
    """An operator keeps controllers off the stream."""

    holder: str
    reason: str
    since: float = Field(description="Unix time in seconds")
    until: float | None = Field(description="Unix time in seconds; null: until it is given back")


class SelectionView(BaseModel):
    """The networks in force for a stream."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ensemble": "graphene",
                    "members": [{"id": 0, "active": True}, {"id": 1, "active": False}],
                    "min_members": 1,
                    "preference": [0, 1],
                    "hold": None,
                    "revision": 7,
                    "author": "ana",
                    "reason": "fog",
                    "since": 1790000000.0,
                    "first_frame_id": 1204,
                }
            ]
        }
    )

    ensemble: str
    members: list[Member] = Field(description="Every network of the ensemble, by id")
    min_members: int = Field(description="The fewest that a change may leave active")
    preference: list[int] = Field(description="Every id, the most trusted first")
    hold: HoldView | None
    revision: int = Field(description="Rises with every change; stamped on every reply; the ETag")
    author: str
    reason: str
    since: float = Field(description="Unix time in seconds at which it came into force")
    first_frame_id: int | None = Field(description="The first frame analysed under this revision; null until one came")


def store_of(request: Request) -> redis.asyncio.Redis:
    """The store that the application was built with.

    Raises:
        StoreUnavailable: it was built without.
    """
    store: redis.asyncio.Redis | None = request.app.state.store
    if store is None:
        raise StoreUnavailable("this server has no store: nothing can be changed")
    return store


def changes_of(request: Request) -> Changes:
    """Who carries out orders."""
    return Changes(store_of(request), request.app.state.clock)


Store = Annotated[redis.asyncio.Redis, Depends(store_of)]
Orders = Annotated[Changes, Depends(changes_of)]


async def read_applied(store: redis.asyncio.Redis, stream: str) -> AppliedSelection:
    """What is in force for a stream.

    Raises:
        ProblemError: 404.
        StoreUnavailable: it does not answer.
    """
    for _ in range(int(NEWBORN_S / TURN_S)):
        with store_errors():
            applied = AppliedSelection.loads_or_none(await store.get(keys.applied(stream)))
        if applied is not None:
            return applied
        await asyncio.sleep(TURN_S)  # its first frame may just have come
    raise stream_unknown(stream)


async def kept_autopilot(store: redis.asyncio.Redis, stream: str) -> Autopilot:
    """What the drift monitor may do on a stream: as was set for it, else for `default`.

    Raises:
        StoreUnavailable: it does not answer.
    """
    reading: Any = store
    with store_errors():
        own, default = await reading.mget([keys.autopilot(stream), keys.autopilot(DEFAULT)])
    return Autopilot.loads_or_none(own) or Autopilot.loads_or_none(default) or Autopilot()


async def shown_selection(store: redis.asyncio.Redis, applied: AppliedSelection) -> SelectionView:
    """The selection with what is known beside it.

    Raises:
        StoreUnavailable: it does not answer.
    """
    reading: Any = store
    with store_errors():
        async with reading.pipeline(transaction=False) as pipe:
            pipe.get(keys.hold(applied.stream)).hget(keys.first_frames(applied.stream), str(applied.revision))
            hold_text, first_text = await pipe.execute()
    hold, first = Hold.loads_or_none(hold_text), FirstFrame.loads_or_none(first_text)
    return SelectionView(
        ensemble=applied.ensemble,
        members=[Member(id=member, active=member in applied.members) for member in sorted(applied.preference)],
        min_members=applied.min_members,
        preference=list(applied.preference),
        hold=None if hold is None else HoldView(**hold.model_dump()),
        revision=applied.revision,
        author=applied.author,
        reason=applied.reason,
        since=applied.since,
        first_frame_id=None if first is None else first.frame_id,
    )
