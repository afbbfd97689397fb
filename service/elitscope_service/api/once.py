"""Commands that need no engine: written with their audit entry in one transaction, once however often they are sent under one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio

from elitscope_service.api.problems import coded
from elitscope_service.changes import COMMAND_S
from elitscope_service.orders import Order
from elitscope_service.store import keys
from elitscope_service.store.audit import add_audit
from elitscope_service.store.connect import store_errors
from elitscope_service.store.documents import CommandRecord


async def carry_out_once(store: redis.asyncio.Redis, order: Order, value: str, write: Callable[[Any], Any]) -> None:
    """Have `write` put its commands into a transaction, and audit the order with the `value` that it sets.

    Raises:
        ProblemError: 409, the idempotency key belongs to another command.
        StoreUnavailable: it does not answer; the same command sent again under its key is not carried out twice.
    """
    name = keys.command(order.command)
    record = CommandRecord(fingerprint=order.fingerprint, stream=order.stream, revision=0, status="applied")
    transactions: Any = store
    while True:
        with store_errors():
            async with transactions.pipeline(transaction=True) as pipe:
                await pipe.watch(name)
                known = CommandRecord.loads_or_none(await pipe.get(name))
                if known is not None:
                    if known.fingerprint != order.fingerprint:
                        raise coded("idempotency_key_reused", "this Idempotency-Key was used for another command: choose a new one")
                    return
                pipe.multi()
                write(pipe)
                add_audit(pipe, order.entry(value=value or None))
                pipe.set(name, record.dumps(), ex=COMMAND_S)
                try:
                    await pipe.execute()
                except redis.WatchError:
                    continue  # the same command came twice at once: the other one was first
                return
