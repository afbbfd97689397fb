"""The parent process: starts store, engine and API, and then the drift monitor; restarts what dies, stops all in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable

from elitscope_service.access.watch import watch_keys
from elitscope_service.addresses import tcp_address
from elitscope_service.child import Command, Report
from elitscope_service.config import ServerConfig
from elitscope_service.keeper import CannotStart, Keeper, wait_for_either
from elitscope_service.store.address import store_url

logger = logging.getLogger(__name__)

API_STOP_S = 3.0
STORE_STOP_S = 5.0
MONITOR_STOP_S = 2.0
MONITOR_RETRY_S = 30.0


class Server:
    """Embedded store, engine, API and drift monitor under one parent. Where a Redis is named there is no embedded store.

    Ports that the system chose at the first start are kept: whatever is restarted comes back at the same addresses.

    Args:
        announce: called once with the addresses of frames, publications and HTTP, when frames can be sent.
    """

    def __init__(self, config: ServerConfig, announce: Callable[[str, str, str], None]) -> None:
        self._embedded = config.redis_url is None
        self._config = config
        self._announce = announce
        self._publish: str | None = None
        self._http_url = ""
        self._store = Keeper("store", "elitscope_service.store", self._configuration, list, lambda report: None, time.monotonic)
        self._engine = Keeper("engine", "elitscope_service.engine", self._configuration, list, self._on_engine, time.monotonic)
        self._api = Keeper("API", "elitscope_service.api", self._configuration, self._watch, self._on_api, time.monotonic)
        monitor = "elitscope_service.monitor"
        self._monitor = Keeper("monitor", monitor, self._configuration, self._watch, lambda report: None, time.monotonic)
        self._signals = 0
        self._stop = asyncio.Event()
        self._force = asyncio.Event()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; the exit code. 0: stopped in order; 1: it can't start, or had to be forced.

        Raises:
            ConfigInvalid: the store's password can't be read.
        """
        self._config = self._config.model_copy(update={"redis_url": store_url(self._config), "redis_password_file": None})
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        keeping = [asyncio.create_task(self._after_the_store(keeper)) for keeper in (self._engine, self._api)]
        if self._embedded:
            keeping.append(asyncio.create_task(self._store.keep()))
        else:
            self._store.ready.set()
        announcing = asyncio.create_task(self._announce_once_ready())
        monitoring = asyncio.create_task(self._keep_the_monitor())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([*keeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        announcing.cancel()
        stopping.cancel()
        orderly = await self._stop_all()
        monitoring.cancel()
        failed = await self._conclude(keeping)
        return int(failed or not orderly)

    async def _after_the_store(self, keeper: Keeper) -> None:
        """Both the engine and the API can do without the store, but starting with it they need not find out."""
        await wait_for_either(self._store.ready, keeper.stopping)
        if self._config.beyond_loopback and not keeper.stopping.is_set():
            await asyncio.to_thread(require_keys, self._config)
        await keeper.keep()

    async def _keep_the_monitor(self) -> None:
        """Once frames can be sent. Nothing depends on it: where it can't start, that is said, and it is tried again."""
        await self._engine.ready.wait()
        await self._api.ready.wait()
        while self._config.monitor_hz and not self._monitor.stopping.is_set():
            try:
                await self._monitor.keep()
            except (CannotStart, OSError) as error:
                logger.error("%s: frames are analysed without it, and it is tried again in %g s", error, MONITOR_RETRY_S)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._monitor.stopping.wait(), MONITOR_RETRY_S)

    async def _conclude(self, keeping: list[asyncio.Task[None]]) -> bool:
        """Whether a child could not start, or supervision itself failed; a line says so."""
        failed = False
        for outcome in await asyncio.gather(*keeping, return_exceptions=True):
            if isinstance(outcome, CannotStart):
                logger.critical("%s", outcome)
            elif isinstance(outcome, BaseException):
                logger.critical("supervision failed", exc_info=outcome)
            failed |= isinstance(outcome, BaseException)
        return failed

    async def _announce_once_ready(self) -> None:
        await self._engine.ready.wait()
        await self._api.ready.wait()
        self._announce(self._config.bind, self._config.publish, self._http_url)

    async def _stop_all(self) -> bool:
        """The engine first, which may take its time to drain; the API tells the world meanwhile. Whether nothing had to be forced."""
        orderly = asyncio.create_task(self._stop_in_order())
        force = asyncio.create_task(self._force.wait())
        await asyncio.wait([orderly, force], return_when=asyncio.FIRST_COMPLETED)
        force.cancel()
        if orderly.done():
            return orderly.result()
        logger.warning("a second signal: everything is ended at once")
        orderly.cancel()
        await asyncio.gather(self._engine.kill(), self._api.kill(), self._monitor.kill())
        await self._store.kill()
        return False

    async def _stop_in_order(self) -> bool:
        # the monitor has nothing to lose: it is not waited for, and how it ends is nobody's concern
        _, engine = await asyncio.gather(self._monitor.stop(MONITOR_STOP_S, grace_s=0.0), self._engine.stop(self._config.drain_s))
        api = await self._api.stop(API_STOP_S)
        store = await self._store.stop(STORE_STOP_S)
        return engine and api and store

    def _configuration(self) -> str:
        return self._config.model_dump_json()

    def _watch(self) -> list[Command]:
        """What API and monitor have to be told: where the engine publishes, once that is known."""
        return [] if self._publish is None else [Command("watch", address=tcp_address(self._publish).from_here.url)]

    def _on_engine(self, report: Report) -> None:
        if report.kind == "bound":
            self._publish = report.addresses["publish"]
            self._config = self._config.model_copy(update={"bind": report.addresses["bind"], "publish": self._publish})
            for command in self._watch():
                self._api.tell(command)
                self._monitor.tell(command)

    def _on_api(self, report: Report) -> None:
        if report.kind == "ready":
            self._http_url = report.addresses["http"]
            self._config = self._config.model_copy(update={"http": self._http_url.partition("//")[2]})

    def _on_signal(self) -> None:
        self._signals += 1
        (self._stop if self._signals == 1 else self._force).set()


def require_keys(config: ServerConfig) -> None:
    """Refuse to be reachable from elsewhere where nobody has a key.

    Raises:
        CannotStart: there is no valid key, or the store and the copy in the data folder can't be read.
    """
    watch = watch_keys(config)
    ring = watch.load()
    watch.close()
    if not ring.valid_ids(time.time()):
        where = ", ".join((config.bind, config.publish, config.http))
        why = "there are none" if ring.known else "none are known: no store answers, and no copy of them is in the data folder"
        what_to_do = "make one with elitscope-server keys create NAME, or use 127.0.0.1"
        raise CannotStart(f"listening beyond this computer ({where}) needs keys, and {why}: {what_to_do}")
