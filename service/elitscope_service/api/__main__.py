"""The API process: `python -m elitscope_service.api REPORT_FD PARENT_PID`, configuration as one JSON line on stdin."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator

import uvicorn

from elitscope.errors import ElitscopeError
from elitscope.version import __version__
from elitscope_service.access.insider import insider
from elitscope_service.access.pair import CurvePair, server_pair
from elitscope_service.access.watch import watch_keys
from elitscope_service.addresses import http_address
from elitscope_service.api.application import create_app
from elitscope_service.api.deployment import check_tls, doors
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.api.listener import FeedListener
from elitscope_service.api.receiving import Receiver
from elitscope_service.api.watcher import EngineWatcher
from elitscope_service.child import Command, CommandLines, Report, ReportPipe, arguments, become_child, read_first_line
from elitscope_service.config import ServerConfig
from elitscope_service.logs import log_to_stderr
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import open_async_store
from elitscope_service.uploads import incoming_folder

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn under a parent: signals are ours, and readiness is reported once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Report, reports: ReportPipe) -> None:
        super().__init__(config)
        self._ready = ready
        self._reports = reports

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the parent decides when to stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._reports.send(self._ready)


def main(argv: list[str]) -> int:
    fd, parent = arguments(argv)
    become_child(parent)
    log_to_stderr("api")
    reports = ReportPipe(fd)
    config = ServerConfig.model_validate_json(read_first_line())
    try:
        check_tls(config)
        pair = server_pair(config.data_dir)
        listener = _listen(config.http)
    except ElitscopeError as error:
        reports.send(Report("failed", message=str(error)))
        return 1
    except OSError as error:
        text = f"http {config.http} can't be bound ({error.strerror}): stop what uses it, or choose another port with --http"
        reports.send(Report("failed", message=text))
        return 1
    return asyncio.run(_serve(listener, config, reports, pair))


def _listen(address: str) -> socket.socket:
    where = http_address(address)
    family, kind, protocol, _, target = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(target)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(listener: socket.socket, config: ServerConfig, reports: ReportPipe, pair: CurvePair) -> int:
    loop = asyncio.get_running_loop()
    keys = watch_keys(config)
    keys.load()
    introduce = insider(keys.ring, pair)
    view, store = EngineView(time.monotonic), open_async_store(store_url(config))
    events, feed = EventLog(secrets.token_hex(4)), Feed(time.monotonic)
    threads = EngineWatcher(view, events, introduce), FeedListener(feed, introduce)
    receiver = Receiver(incoming_folder(config.data_dir), config.limits.upload_bytes)
    receiver.clear_away()
    host, port = listener.getsockname()[:2]
    scheme = "http" if config.tls_cert is None else "https"
    address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    settings = uvicorn.Config(
        create_app(view, __version__, feed, events, doors(config, keys.ring, pair), store, receiver),
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        lifespan="off",
        proxy_headers=False,
        ssl_certfile=config.tls_cert,
        ssl_keyfile=config.tls_key,
        ws_max_size=4096,
        ws_per_message_deflate=False,
    )
    server = Server(settings, Report("ready", {"http": address}), reports)
    lines = CommandLines()

    def on_stdin() -> None:
        data = os.read(0, 65536)
        if not data:
            loop.remove_reader(0)
        for command in lines.feed(data):
            obey(command)

    def obey(command: Command) -> None:
        if command.name == "watch":
            for thread in threads:
                thread.watch(command.address)
        elif command.name == "stop":
            end()

    def end() -> None:
        server.should_exit = True
        events.close()

    loop.add_reader(0, on_stdin)
    loop.add_signal_handler(signal.SIGTERM, end)
    for thread in (keys, *threads):
        thread.start()
    try:
        await server.serve(sockets=[listener])
    finally:
        for thread in (keys, *threads):
            thread.stop()
            thread.join(5.0)
        await store.aclose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
