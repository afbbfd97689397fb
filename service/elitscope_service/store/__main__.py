"""The store process: `python -m elitscope_service.store REPORT_FD PARENT_PID`, configuration as one JSON line on stdin.

Runs Valkey and ends with it, so that the parent, which keeps this process, starts both again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from elitscope_service.child import Command, CommandLines, Report, ReportPipe, arguments, become_child, read_first_line
from elitscope_service.config import ServerConfig
from elitscope_service.logs import log_to_stderr
from elitscope_service.store.embedded import EmbeddedStoreFailed, answering, embedded_url, lock_folder, start_embedded

STOP_S = 5.0


def main(argv: list[str]) -> int:
    fd, parent = arguments(argv)
    become_child(parent)
    log_to_stderr("store")
    reports = ReportPipe(fd)
    config = ServerConfig.model_validate_json(read_first_line())
    try:
        return asyncio.run(_run(config, reports))
    except EmbeddedStoreFailed as error:
        reports.send(Report("failed", message=str(error)))
        return 1


async def _run(config: ServerConfig, reports: ReportPipe) -> int:
    valkey = await start_embedded(config.data_dir, lock_folder(config.data_dir))
    ended = asyncio.create_task(valkey.wait())
    stop = asyncio.create_task(_told_to_stop())
    ready = asyncio.create_task(answering(config.data_dir))
    await asyncio.wait([ended, stop, ready], return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        reports.send(Report("ready", {"store": embedded_url(config.data_dir)}))
        await asyncio.wait([ended, stop], return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if not stop.done():
        stop.cancel()
        reports.send(Report("failed", message=f"Valkey ended with {ended.result()}: its own lines on standard error say why"))
        return 1
    valkey.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(ended), STOP_S)
    if not ended.done():
        valkey.kill()
    await ended
    return 0


async def _told_to_stop() -> None:
    """Until the parent says stop, or is gone."""
    loop, lines, told = asyncio.get_running_loop(), CommandLines(), asyncio.Event()

    def on_stdin() -> None:
        commands: list[Command] = lines.feed(os.read(0, 65536))
        if any(command.name == "stop" for command in commands):
            loop.remove_reader(0)
            told.set()

    loop.add_reader(0, on_stdin)
    await told.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
