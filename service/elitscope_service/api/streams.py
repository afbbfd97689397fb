"""The streams: rate, latency by stage, counts by outcome, the selection in force."""

from __future__ import annotations

from fastapi import APIRouter

from elitscope_service.api.problems import ProblemError, documented
from elitscope_service.api.responses import Engine, Stream, StreamList

router = APIRouter(prefix="/v1/streams", tags=["streams"])


@router.get("", responses=documented(503), summary="Every stream that a frame has named")
async def list_streams(engine: Engine) -> StreamList:
    return StreamList(as_of=engine.status.at, stale=engine.stale, streams=list(engine.status.streams))


@router.get("/{stream}", responses=documented(404, 422, 503), summary="One stream")
async def read_stream(stream: str, engine: Engine) -> Stream:
    for found in engine.status.streams:
        if found.name == stream:
            return Stream(as_of=engine.status.at, stale=engine.stale, **dict(found))
    known = ", ".join(s.name for s in engine.status.streams) or "none"
    raise ProblemError(404, "stream_unknown", f"there is no stream {stream!r}: a stream exists once a frame named it; there are {known}")
