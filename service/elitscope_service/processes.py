"""A child process as the parent sees it: started, heard, told, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass

from elitscope_service.child import Command, Report

GRACE_S = 10.0
"""How long a child that was told to stop may take beyond its time."""


@dataclass
class Child:
    """One running child. Made by `start_child`."""

    process: asyncio.subprocess.Process
    reports: asyncio.StreamReader
    transport: asyncio.ReadTransport

    async def report(self) -> Report | None:
        """Its next report; None once it can't report any more, because it has ended."""
        line = await self.reports.readline()
        return Report.parse(line) if line.endswith(b"\n") else None

    def tell(self, command: Command) -> None:
        """Send a command; a child that is gone does not mind."""
        stdin = self.process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(command.line())

    async def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = await self.process.wait()
        self.transport.close()
        return code

    async def stop(self, seconds: float, grace_s: float = GRACE_S) -> bool:
        """Have it stop within `seconds`, and end it where it has not after `grace_s` more. Whether it went of itself."""
        self.tell(Command("stop", seconds))
        try:
            await asyncio.wait_for(self.ended(), seconds + grace_s)
        except TimeoutError:
            await self.kill()
            return False
        return True

    async def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.ended()


async def start_child(module: str, config: str) -> Child:
    """Start `python -m module` in a session of its own, so that Ctrl-C in a terminal reaches the parent alone.

    Its standard output goes to ours for errors: only the parent writes on standard output. To be called in the main thread: the child
    is bound to the life of the thread that starts it.

    Args:
        config: the configuration as one line of JSON.
    """
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            str(writing),
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            pass_fds=(writing,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    reports = asyncio.StreamReader()
    pipe = os.fdopen(reading, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reports), pipe)
    assert process.stdin is not None
    process.stdin.write(config.encode() + b"\n")
    return Child(process, reports, transport)
