"""Which networks are in force for a stream, for routes that show live frames: as the store says, or the engine where that is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import redis.asyncio
from fastapi import Depends, Path
from starlette.requests import HTTPConnection

from elitscope.errors import StoreUnavailable
from elitscope_service.api.engine_view import Seen
from elitscope_service.api.responses import Engine
from elitscope_service.changes import stream_unknown
from elitscope_service.store import keys
from elitscope_service.store.connect import store_errors
from elitscope_service.store.documents import AppliedSelection

StreamName = Annotated[str, Path(description="Name of the stream", examples=["haadf"])]


@dataclass(frozen=True)
class InForce:
    """A stream's selection, as far as live frames need it."""

    stream: str
    ensemble: str
    members: frozenset[int]
    revision: int


async def in_force(connection: HTTPConnection, stream: StreamName, engine: Engine) -> InForce:
    """The stream's selection, as a dependency.

    Raises:
        ProblemError: 404 where neither store nor engine knows the stream.
    """
    applied = await _applied(connection.app.state.store, stream)
    if applied is not None:
        return InForce(stream, applied.ensemble, frozenset(applied.members), applied.revision)
    return _as_the_engine_says(stream, engine)


async def _applied(store: redis.asyncio.Redis | None, stream: str) -> AppliedSelection | None:
    if store is None:
        return None
    try:
        with store_errors():
            return AppliedSelection.loads_or_none(await store.get(keys.applied(stream)))
    except StoreUnavailable:
        return None


def _as_the_engine_says(stream: str, engine: Seen) -> InForce:
    for found in engine.status.streams:
        if found.name == stream:
            selection = found.selection
            return InForce(stream, selection.ensemble, frozenset(selection.members), selection.revision)
    raise stream_unknown(stream)


Selected = Annotated[InForce, Depends(in_force)]
