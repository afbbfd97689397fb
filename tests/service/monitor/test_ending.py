"""Tasks are ended whatever they make of being cancelled."""

from __future__ import annotations

import asyncio
from pathlib import Path

from elitscope_service.monitor.ending import end
from elitscope_service.monitor.process import _be_there
from elitscope_service.store.connect import open_async_store
from tests.support.stores import StoreServer


def test_a_task_that_is_cancelled_while_it_connects_to_the_store_ends(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        for turns in range(20):
            async with open_async_store(url) as store:
                beating = asyncio.create_task(_be_there(store, ()))
                for _ in range(turns):
                    await asyncio.sleep(0)
                async with asyncio.timeout(120.0):
                    assert await end(beating) == []

    with StoreServer("embedded", tmp_path) as server:
        asyncio.run(scenario(server.url))


def test_what_ended_a_task_by_itself_is_told() -> None:
    async def fail() -> None:
        raise ValueError("a defect")

    async def scenario() -> list[str]:
        failing, waiting = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(60.0))
        await asyncio.wait([failing])
        return [str(error) for error in await end(failing, waiting)]

    assert asyncio.run(scenario()) == ["a defect"]
