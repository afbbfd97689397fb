"""What happens in the server, as it happens: server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request

from elitscope_service.api.callers import Reader
from elitscope_service.api.event_stream import MEDIA_TYPE, EventStream
from elitscope_service.api.problems import documented

router = APIRouter(prefix="/v1/events", tags=["events"])

STREAM_NAME = r"[a-z0-9][a-z0-9_.-]{0,63}"

_EXAMPLE = """\
retry: 2000
id: 5f2a9c01-41

id: 5f2a9c01-42
event: selection
data: {"event":"selection","stream":"haadf","revision":8,"at":1790000000.0,"epoch":"9f3c"}

"""
_BODY = {"type": "object", "properties": {"event": {"type": "string"}, "stream": {"type": "string"}}, "required": ["event"]}
# OpenAPI 3.1 has no word for "each of many": of a stream, the schema is taken to be that of one event.
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": _BODY},
    },
    "required": ["event", "data"],
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events without end, as JSON: `selection` (applied), `selection_in_force` (first frame under it), `ensemble`, "
        "`stream_started`, `stream_stopped`, `drift` (`what`: alarms `began` or `ended`, `hotspots`, another `recommendation`), ... "
        "`missed`: some were lost, how many where that is known; read the state anew",
        "content": {MEDIA_TYPE: {"schema": _EVENT, "example": _EXAMPLE}},
    },
    **documented(403, 422, 503),
}


@router.get("", summary="Server-sent events", status_code=200, response_class=EventStream, responses=_EVENTS)
async def events(
    request: Request,
    reader: Reader,
    stream: Annotated[str | None, Query(pattern=f"^{STREAM_NAME}$", description="Events of this stream alone", examples=["haadf"])] = None,
    last_event_id: Annotated[str, Header(max_length=80, description="Id of the last event that the listener has")] = "",
) -> EventStream:
    request.app.state.listeners.require()
    return EventStream(request.app.state.events, last_event_id, stream, request.app.state.listeners)
