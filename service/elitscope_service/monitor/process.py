"""The monitor as a process: listens, looks, reports; nothing of it is on the way of a frame."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator

import redis.asyncio

from elitscope.errors import ElitscopeError
from elitscope_service.access.insider import insider
from elitscope_service.access.pair import CurvePair, server_pair
from elitscope_service.access.watch import watch_keys
from elitscope_service.child import CommandLines, Report, ReportPipe
from elitscope_service.config import ServerConfig
from elitscope_service.monitor.ending import end
from elitscope_service.monitor.inbox import Inbox
from elitscope_service.monitor.listener import MonitorListener
from elitscope_service.monitor.manifests import Manifests
from elitscope_service.store import keys
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import StoreUnavailable, open_async_store, open_store, store_errors
from elitscope_service.store.drift import WatchRecord
from elitscope_service.threads import OwnedThread

logger = logging.getLogger(__name__)

CANNOT_START = 1
DEFECT = 3
JOIN_S = 5.0
LOOK_ROUND_S = 1.0


def run(config: ServerConfig, reports: ReportPipe) -> int:
    """Run the monitor until the parent, or a signal, says stop; the exit code: 0, 1 where it can't start, 3 where a part of it ended."""
    try:
        pair = server_pair(config.data_dir)
    except ElitscopeError as error:
        reports.send(Report("failed", message=str(error)))
        return CANNOT_START
    return asyncio.run(_serve(config, reports, pair))


async def _serve(config: ServerConfig, reports: ReportPipe, pair: CurvePair) -> int:
    ring = watch_keys(config)
    ring.load()
    url = store_url(config)
    inbox, manifests, store = Inbox(asyncio.get_running_loop()), Manifests(), open_async_store(url)
    listener = MonitorListener(inbox, manifests, insider(ring.ring, pair))
    stop = asyncio.Event()
    threads: tuple[OwnedThread, ...] = (ring, listener)
    for thread in threads:
        thread.start()
    try:
        with _obeying(listener.watch, stop.set):
            reports.send(Report("ready"))
            return await _until_told(
                stop, asyncio.create_task(_be_there(store, threads)), asyncio.create_task(_look(inbox, manifests, store, url))
            )
    finally:
        ring.stop()
        listener.stop()
        for thread in threads:
            thread.join(JOIN_S)
        await store.aclose()


async def _until_told(stop: asyncio.Event, *work: asyncio.Task[None]) -> int:
    """Let them work until the end; a part that ends by itself is a defect."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *work], return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in work if task.done()]
    for failure in await end(stopping, *work):
        logger.critical("the monitor ends, to be started again", exc_info=failure)
    return DEFECT if ended and not stop.is_set() else 0


async def _be_there(store: redis.asyncio.Redis, threads: tuple[OwnedThread, ...]) -> None:
    """Listen to the channel on which the monitor is known to be there, for as long as its threads live.

    Raises:
        RuntimeError: one of them has ended.
    """
    while True:
        try:
            with store_errors():
                async with store.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(keys.MONITOR)
                    while True:
                        _require(threads)
                        await pubsub.get_message(timeout=LOOK_ROUND_S)
        except StoreUnavailable:
            _require(threads)
            await asyncio.sleep(LOOK_ROUND_S)


def _require(threads: tuple[OwnedThread, ...]) -> None:
    for thread in threads:
        if not thread.alive:
            raise RuntimeError(f"thread {thread.name} ended: {thread.failure!r}")


async def _look(inbox: Inbox, manifests: Manifests, store: redis.asyncio.Redis, url: str) -> None:
    """Look at what comes, and have it reported."""
    came = await inbox.take()
    # these take a second to load: a monitor of a server without frames need not
    from elitscope_service.monitor.reporter import Reporter
    from elitscope_service.monitor.watching import Watching

    watching = Watching(manifests, time.monotonic, time.time, lambda stream: _recall(url, stream))
    reporter = Reporter(store, manifests.ready, time.monotonic, time.time)
    reporting = asyncio.create_task(reporter.run())
    try:
        while not reporting.done():
            finding = await asyncio.to_thread(watching.take, *came)
            if finding is not None:
                reporter.put(finding)
            came = await inbox.take()
        await reporting
    finally:
        await end(reporting)
        await reporter.close()


def _recall(url: str, stream: str) -> WatchRecord | None:
    """What was kept of a stream; where the store does not answer it has to be learned anew."""
    try:
        with open_store(url) as store, store_errors():
            return WatchRecord.loads_or_none(store.get(keys.watch(stream)))
    except StoreUnavailable:
        return None


@contextlib.contextmanager
def _obeying(watch: Callable[[str], None], stop: Callable[[], None]) -> Iterator[None]:
    """Do what the parent says, and take SIGTERM for the command to stop."""
    loop, lines = asyncio.get_running_loop(), CommandLines()

    def on_stdin() -> None:
        data = os.read(0, 65536)
        if not data:
            loop.remove_reader(0)
        for command in lines.feed(data):
            if command.name == "watch":
                watch(command.address)
            elif command.name == "stop":
                stop()

    loop.add_reader(0, on_stdin)
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        loop.remove_reader(0)
        loop.remove_signal_handler(signal.SIGTERM)
