"""Keeps one child process running: starts it, listens to it, starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from elitscope.errors import ElitscopeError
from elitscope_service.child import Command, Report
from elitscope_service.processes import GRACE_S, Child, start_child
from elitscope_service.supervision import RestartPolicy

logger = logging.getLogger(__name__)

Configure = Callable[[], str]
Opening = Callable[[], Sequence[Command]]
Listener = Callable[[Report], None]


class CannotStart(ElitscopeError, RuntimeError):
    """A child ended before it was ever ready; says why."""

    code = "cannot_start"


class Keeper:
    """One child and its successors.

    Args:
        name: what people call it.
        module: what is run.
        configure: the configuration for the next start, one line of JSON.
        opening: what every child is told first, once it runs.
        listen: told every report.
        clock: monotonic seconds.
    """

    def __init__(
        self, name: str, module: str, configure: Configure, opening: Opening, listen: Listener, clock: Callable[[], float]
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self._module = module
        self._configure = configure
        self._opening = opening
        self._listen = listen
        self._clock = clock
        self._policy = RestartPolicy()
        self._child: Child | None = None
        self.stopping = asyncio.Event()

    def tell(self, command: Command) -> None:
        """Send a command to the child that runs now, if one does."""
        if self._child is not None:
            self._child.tell(command)

    async def keep(self) -> None:
        """Run children one after the other, until `stop`.

        Raises:
            CannotStart: the first one ended before it was ready.
        """
        while not self.stopping.is_set():
            self._child = child = await start_child(self._module, self._configure())
            if self.stopping.is_set():
                await child.kill()
                return
            for command in self._opening():
                child.tell(command)
            trouble = await self._follow(child)
            code = await child.ended()
            self._child = None
            if self.stopping.is_set():
                return
            delay = self._policy.ended(self._clock())
            why = trouble or f"it ended with {_in_words(code)}"
            if delay is None:
                raise CannotStart(f"the {self.name} can't start: {why}")
            logger.error("the %s is started again in %g s: %s", self.name, delay, why)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), delay)

    async def stop(self, seconds: float, grace_s: float = GRACE_S) -> bool:
        """Have the child stop within so many seconds, end it after `grace_s` more, and start none any more. Whether it went of itself."""
        self.stopping.set()
        return self._child is None or await self._child.stop(seconds, grace_s)

    async def kill(self) -> None:
        """End the child at once and start none any more."""
        self.stopping.set()
        if self._child is not None:
            await self._child.kill()

    async def _follow(self, child: Child) -> str:
        """Listen until the child has nothing more to say; what it said of why it can't go on, if it did."""
        trouble = ""
        while (report := await child.report()) is not None:
            if report.kind == "failed":
                trouble = report.message
            elif report.kind == "ready":
                self._policy.ready(self._clock())
            self._listen(report)
            if report.kind == "ready":
                self.ready.set()
        return trouble


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def wait_for_either(*events: asyncio.Event) -> None:
    """Wait until one of the events has happened."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
