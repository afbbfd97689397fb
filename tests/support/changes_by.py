"""A change of a stream's networks as the API would make it, without HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis.asyncio

from elitscope_service.changes import Changes
from elitscope_service.orders import make_order
from elitscope_service.planners import Planner
from elitscope_service.store.documents import AppliedSelection, Role


@dataclass(frozen=True)
class Somebody:
    """Who asks."""

    name: str
    role: Role


async def change_as(
    store: redis.asyncio.Redis, name: str, role: Role, action: str, planner: Planner, stream: str = "haadf"
) -> AppliedSelection:
    """The selection that it brought into force."""
    order = make_order(stream, action, Somebody(name, role), "", time.time(), [name, action, time.time()], None)
    return await Changes(store, time.monotonic).change(order, planner)
