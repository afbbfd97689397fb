"""Which networks analyse a stream: read, replaced, changed, undone. A change is answered once it is in force."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field

from elitscope_service.api.callers import Caller, Operator, Reader
from elitscope_service.api.orders import IdempotencyKey, IfMatch, StreamName
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.selection_view import Orders, SelectionView, Store, read_applied, shown_selection
from elitscope_service.changes import Changes, Overtaken, etag
from elitscope_service.orders import make_order
from elitscope_service.planners import Planner, action_of, changed, replaced, undone

router = APIRouter(prefix="/v1/streams/{stream}/selection", tags=["selection"])

MemberId = Annotated[int, Field(ge=0, le=65535)]
MemberIds = Annotated[list[MemberId], Field(max_length=256)]
Reason = Annotated[str, Field(max_length=500, description="Why: it stands in the audit", examples=["fog"])]

_TAG: dict[str, Any] = {"headers": {"ETag": {"description": "The revision, in quotes", "schema": {"type": "string"}}}}
READ: dict[int | str, dict[str, Any]] = {200: _TAG, **documented(404, 422, 503)}
CHANGED: dict[int | str, dict[str, Any]] = {200: _TAG, **documented(404, 409, 412, 422, 423, 503, 504)}


class Wanted(BaseModel):
    """A whole selection."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ensemble: Annotated[str, Field(min_length=1, max_length=128, description="One that is ready", examples=["graphene"])]
    members: Annotated[MemberIds | None, Field(description="The active ones; all of the ensemble where none are given")] = None
    reason: Reason = ""


class Change(BaseModel):
    """Networks to take out of use, or into use again, in the ensemble in force."""

    model_config = ConfigDict(extra="forbid", strict=True)

    deselect: Annotated[MemberIds, Field(examples=[[3, 7]])] = []
    select: MemberIds = []
    reason: Reason = ""


class Why(BaseModel):
    """What goes with a command that says everything by itself."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason = ""


@router.get("", responses=READ, summary="The networks in force for a stream")
async def read_selection(stream: StreamName, who: Reader, store: Store, response: Response) -> SelectionView:
    applied = await read_applied(store, stream)
    response.headers["ETag"] = etag(applied.revision)
    return await shown_selection(store, applied)


@router.put("", responses=CHANGED, summary="Use this ensemble, with these networks")
async def put_selection(
    stream: StreamName,
    wanted: Wanted,
    who: Operator,
    orders: Orders,
    store: Store,
    response: Response,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> SelectionView:
    """The whole wanted state: it does not matter what was in force before. Answers once it is in force, from the stream's next frame on.

    `default` is what new streams start with. A stream that nobody has named yet exists from now on.
    """
    members = None if wanted.members is None else tuple(sorted(set(wanted.members)))
    action = "use" if members is None else "only"
    asked = ["PUT", wanted.ensemble, members]
    return await _carry_out(
        stream,
        action,
        who,
        wanted.reason,
        asked,
        replaced(wanted.ensemble, members),
        orders,
        store,
        response,
        idempotency_key,
        if_match,
    )


@router.patch("", responses=CHANGED, summary="Take networks out of use, or into use again")
async def patch_selection(
    stream: StreamName,
    change: Change,
    who: Operator,
    orders: Orders,
    store: Store,
    response: Response,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> SelectionView:
    """Relative to what is in force. Leaving none active is refused (`last_member`)."""
    if not change.deselect and not change.select:
        raise coded("request_invalid", "neither deselect nor select names a network: give at least one id")
    if both := sorted({*change.deselect} & {*change.select}):
        raise coded("request_invalid", f"member {both[0]} is to be deselected and selected: choose one")
    asked = ["PATCH", sorted(change.deselect), sorted(change.select)]
    action, planner = action_of(change.deselect, change.select), changed(change.deselect, change.select)
    return await _carry_out(stream, action, who, change.reason, asked, planner, orders, store, response, idempotency_key, if_match)


@router.post("/undo", responses=CHANGED, summary="Go back to the selection before")
async def undo_selection(
    stream: StreamName,
    who: Operator,
    orders: Orders,
    store: Store,
    response: Response,
    why: Annotated[Why | None, Body()] = None,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> SelectionView:
    """A new revision with the networks of the one before; repeated, it walks further back, a hundred changes at most."""
    reason = "" if why is None else why.reason
    return await _carry_out(stream, "undo", who, reason, ["undo"], undone, orders, store, response, idempotency_key, if_match)


async def _carry_out(
    stream: str,
    action: str,
    who: Caller,
    reason: str,
    asked: Any,
    planner: Planner,
    orders: Changes,
    store: Store,
    response: Response,
    key: str | None,
    if_match: str | None,
) -> SelectionView:
    order = make_order(stream, action, who, reason, time.time(), asked, key, if_match)
    try:
        applied = await orders.change(order, planner)
    except Overtaken as error:
        raise coded(error.code, str(error), {"ETag": etag(error.revision)}) from error
    response.headers["ETag"] = etag(applied.revision)
    return await shown_selection(store, applied)
