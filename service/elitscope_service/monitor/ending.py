"""Ending tasks that talk to the store: redis-py takes a cancellation that comes while it connects for a time-out, and the task goes on."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.2


async def end(*tasks: asyncio.Task[Any]) -> list[Exception]:
    """Cancel tasks until they have ended; what ended those of them that ended by themselves."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=AGAIN_S)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]
