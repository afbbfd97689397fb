"""The store for one command: the one that a running server uses, or the embedded one, started for as long as the command takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import redis

from elitscope_service.config import ServerConfig
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import open_store
from elitscope_service.store.embedded import EmbeddedStoreFailed, answering, lock_folder, start_embedded

LOOK_S = 0.3
PATIENCE_S = 20.0


@asynccontextmanager
async def visited_store(config: ServerConfig) -> AsyncIterator[redis.Redis]:
    """A client of the store that the configuration means.

    Raises:
        EmbeddedStoreFailed: the embedded one can't be started.
    """
    async with contextlib.AsyncExitStack() as stack:
        if config.redis_url is None:
            await stack.enter_async_context(_running(config.data_dir))
        store = open_store(store_url(config))
        stack.callback(store.close)
        yield store


@asynccontextmanager
async def _running(data_dir: Path) -> AsyncIterator[None]:
    """A server may be about to start its store, or about to stop it: whoever gets the lock starts one."""
    end = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(answering(data_dir), LOOK_S)
            yield
            return
        try:
            lock = lock_folder(data_dir, patience_s=0.0)
            break
        except EmbeddedStoreFailed:
            if time.monotonic() > end:
                raise
    try:
        process = await start_embedded(data_dir, lock)
        try:
            await asyncio.wait_for(answering(data_dir), PATIENCE_S)
            yield
        finally:
            await _end(process)
    finally:
        os.close(lock)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
