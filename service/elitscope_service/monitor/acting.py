"""The autopilot's hand: the same orders, through the same store and the same code, as those that come in by the API.

It needs no key: like the API it is a process of the server's own. As a controller it is kept out by an operator's hold, and the revision
that goes with every order keeps it from changing anything but the selection that it judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis.asyncio

from elitscope.errors import ElitscopeError
from elitscope_service.changes import Changes, etag
from elitscope_service.monitor.autopilot import Manoeuvre
from elitscope_service.orders import make_order
from elitscope_service.selection import AUTOPILOT
from elitscope_service.store.documents import AppliedSelection, Role

MOST_REASON = 500


@dataclass(frozen=True)
class Program:
    """Who acts."""

    name: str = AUTOPILOT
    role: Role = "controller"


async def act(
    store: redis.asyncio.Redis,
    base: AppliedSelection,
    manoeuvre: Manoeuvre,
    reason: str,
    clock: Callable[[], float],
    wall: Callable[[], float],
) -> str:
    """Make the change to what is in force; empty, or why it was not made.

    Args:
        base: the selection that is changed: where another one is in force by then, nothing is.
        reason: what the audit will say.
        clock: monotonic seconds; `wall`: Unix seconds.
    """
    asked = [AUTOPILOT, manoeuvre.action, reason]
    order = make_order(base.stream, manoeuvre.action, Program(), reason[:MOST_REASON], wall(), asked, None, etag(base.revision))
    try:
        await Changes(store, clock).change(order, manoeuvre.planner)
    except ElitscopeError as error:
        return f"{error.code}: {error}"
    return ""
