"""An operator takes a stream, or gives it back: while it is held, what controllers want of it is refused with the holder's name."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from elitscope_service.api.callers import Operator, Reader
from elitscope_service.api.once import carry_out_once
from elitscope_service.api.orders import IdempotencyKey, StreamName
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.selection import Reason
from elitscope_service.api.selection_view import SelectionView, Store, kept_autopilot, read_applied, shown_selection
from elitscope_service.orders import Order, make_order
from elitscope_service.store import keys
from elitscope_service.store.documents import Autopilot, Hold, Mode

router = APIRouter(prefix="/v1/streams/{stream}", tags=["selection"])

MOST_MINUTES = 7 * 24 * 60


class HoldWanted(BaseModel):
    """How long, and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    minutes: Annotated[
        float | None,
        Field(gt=0, le=MOST_MINUTES, allow_inf_nan=False, description="Until it is given back where none are given", examples=[30]),
    ] = None
    reason: Reason = ""


class AutopilotWanted(BaseModel):
    """What the drift monitor may do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Annotated[
        Mode,
        Field(description="off: it answers whoever asks; advise: it also tells its recommendation as an event; act: it does it, too"),
    ]
    reason: Reason = ""


class AutopilotView(BaseModel):
    """What the drift monitor may do on a stream."""

    stream: str
    mode: Mode
    author: str
    since: float = Field(description="Unix time in seconds")


@router.put("/hold", responses=documented(403, 404, 409, 422, 503), summary="Keep controllers off the stream")
async def take_hold(
    stream: StreamName,
    who: Operator,
    store: Store,
    wanted: Annotated[HoldWanted | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> SelectionView:
    """Replaces a hold that is there. Operators are never kept out: to them it only says that somebody is at work."""
    wanted = wanted or HoldWanted()
    now = time.time()
    until = None if wanted.minutes is None else now + 60 * wanted.minutes
    hold = Hold(holder=who.name, reason=wanted.reason, since=now, until=until)
    order = make_order(stream, "hold", who, wanted.reason, now, ["hold", wanted.minutes], idempotency_key)
    _only_operators(order)
    applied = await read_applied(store, stream)

    def write(pipe: Any) -> None:
        pipe.set(keys.hold(stream), hold.dumps(), px=None if wanted.minutes is None else max(1, int(60_000 * wanted.minutes)))

    await carry_out_once(store, order, "" if wanted.minutes is None else f"{wanted.minutes:g} minutes", write)
    return await shown_selection(store, applied)


@router.delete("/hold", responses=documented(403, 404, 409, 422, 503), summary="Give the stream back to the controllers")
async def release_hold(stream: StreamName, who: Operator, store: Store, idempotency_key: IdempotencyKey = None) -> SelectionView:
    order = make_order(stream, "release", who, "", time.time(), ["release"], idempotency_key)
    _only_operators(order)
    applied = await read_applied(store, stream)
    await carry_out_once(store, order, "", lambda pipe: pipe.delete(keys.hold(stream)))
    return await shown_selection(store, applied)


@router.get("/autopilot", responses=documented(404, 422, 503), summary="What the drift monitor may do on the stream")
async def read_autopilot(stream: StreamName, who: Reader, store: Store) -> AutopilotView:
    """A stream for which none was set has that of `default`."""
    await read_applied(store, stream)
    kept = await kept_autopilot(store, stream)
    return AutopilotView(stream=stream, mode=kept.mode, author=kept.author, since=kept.since)


@router.put("/autopilot", responses=documented(403, 404, 409, 422, 503), summary="Say what the drift monitor may do on the stream")
async def set_autopilot(
    stream: StreamName, wanted: AutopilotWanted, who: Operator, store: Store, idempotency_key: IdempotencyKey = None
) -> AutopilotView:
    order = make_order(stream, "autopilot", who, wanted.reason, time.time(), ["autopilot", wanted.mode], idempotency_key)
    _only_operators(order)
    await read_applied(store, stream)
    kept = Autopilot(mode=wanted.mode, author=who.name, since=order.at)
    await carry_out_once(store, order, wanted.mode, lambda pipe: pipe.set(keys.autopilot(stream), kept.dumps()))
    return AutopilotView(stream=stream, mode=kept.mode, author=kept.author, since=kept.since)


def _only_operators(order: Order) -> None:
    if order.role != "operator":
        raise coded(
            "not_authorised", f"{order.author!r} is a controller, and {order.action} is for operators: it says what controllers may do"
        )
