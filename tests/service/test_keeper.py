"""Keeping a real child process running: ready, told, restarted, given up, stopped, killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable

import psutil
import pytest

from elitscope_service.child import Command, Report
from elitscope_service.keeper import CannotStart, Keeper
from elitscope_service.processes import start_child

CHILD = "tests.service.children"


class Kept:
    """A keeper whose children do what the words say: the first list at the first start, and so on; the last one for ever."""

    def __init__(self, *scripts: list[str], opening: tuple[Command, ...] = ()) -> None:
        self.reports: list[Report] = []
        self.starts = 0
        self._scripts = scripts
        self.keeper = Keeper("child", CHILD, self._configure, lambda: opening, self.reports.append, asyncio.get_running_loop().time)

    def _configure(self) -> str:
        self.starts += 1
        return json.dumps(self._scripts[min(self.starts, len(self._scripts)) - 1])

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(120.0):
            while not wanted():
                await asyncio.sleep(0.01)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(240.0):
            await scenario()

    asyncio.run(limited())


def test_a_child_is_told_things_and_stops_when_asked() -> None:
    async def scenario() -> None:
        kept = Kept(["ready", "obey"], opening=(Command("watch", address="tcp://a"),))
        keeping = asyncio.create_task(kept.keeper.keep())
        await kept.keeper.ready.wait()
        kept.keeper.tell(Command("watch", address="tcp://b"))
        await kept.until(lambda: len(kept.reports) == 3)
        assert await kept.keeper.stop(60.0)
        await keeping
        heard = [(report.addresses["name"], report.addresses["address"]) for report in kept.reports if report.kind == "heard"]
        assert heard == [("watch", "tcp://a"), ("watch", "tcp://b"), ("stop", "")]
        assert kept.starts == 1

    run(scenario)


def test_a_child_that_crashes_after_it_was_ready_is_started_again() -> None:
    async def scenario() -> None:
        kept = Kept(["ready", "crash"], ["ready", "obey"])
        keeping = asyncio.create_task(kept.keeper.keep())
        await kept.until(lambda: [report.kind for report in kept.reports].count("ready") == 2)
        assert await kept.keeper.stop(60.0)
        await keeping
        assert kept.starts == 2

    run(scenario)


@pytest.mark.parametrize(
    ("script", "why"), [(["fail"], "the port is taken"), (["crash"], "signal 6"), ([], "exit code 0")], ids=["failed", "crashed", "ended"]
)
def test_a_child_that_can_not_start_is_given_up_with_its_reason(script: list[str], why: str) -> None:
    async def scenario() -> None:
        kept = Kept(script)
        with pytest.raises(CannotStart, match=f"the child can't start: .*{why}"):
            await kept.keeper.keep()
        assert kept.starts == 1

    run(scenario)


def test_stopping_between_two_starts_does_not_wait_for_the_next() -> None:
    async def scenario() -> None:
        kept = Kept(["ready", "crash"], ["ready", "crash"], ["sleep"])
        keeping = asyncio.create_task(kept.keeper.keep())
        await kept.until(lambda: kept.starts >= 2)
        await kept.keeper.stop(0.1)
        await keeping

    run(scenario)


def test_a_child_that_does_not_listen_is_ended() -> None:
    async def scenario() -> None:
        child = await start_child(CHILD, json.dumps(["ready", "sleep"]))
        assert await child.report() is not None
        assert not await child.stop(0.1, grace_s=0.1)
        assert child.process.returncode == -signal.SIGKILL

    run(scenario)


def test_killing_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        kept = Kept(["ready", "sleep"])
        keeping = asyncio.create_task(kept.keeper.keep())
        await kept.keeper.ready.wait()
        await kept.keeper.kill()
        await keeping
        assert not psutil.pid_exists(int(kept.reports[0].addresses["pid"]))

    run(scenario)


def test_a_child_writes_to_our_errors_and_does_not_get_our_ctrl_c() -> None:
    async def scenario() -> None:
        child = await start_child(CHILD, json.dumps(["environment"]))
        report = await child.report()
        assert report is not None
        assert report.addresses["stdout"] == report.addresses["stderr"]
        assert int(report.addresses["sid"]) == child.process.pid != os.getsid(0)
        assert await child.ended() == 0

    run(scenario)


def test_a_child_without_a_parent_ends() -> None:
    """The end of its standard input is enough, where the kernel sends no signal."""

    async def scenario() -> None:
        child = await start_child(CHILD, json.dumps(["ready", "obey"]))
        assert await child.report() is not None
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert await child.ended() == 0

    run(scenario)
