"""Which processor core does what: the engine has one to itself, everything else shares another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from benchmarks.elsewhere import Elsewhere

PERIOD_S = 0.1


def two_cores() -> tuple[int, int]:
    """The engine's core, and everything else's; the same one twice where there is no second."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1], cores[0]


@contextlib.contextmanager
def only_on(core: int) -> Iterator[None]:
    """This process's threads, and what they start, on one core."""
    before = os.sched_getaffinity(0)
    _pin(os.getpid(), core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Pinning:
    """Keeps the engine on the first of `cores`, and the rest of the server and this process on the second, for the `with` block.

    Processes that a load starts would inherit the engine's core: they are moved as they appear, by a process that does nothing else.
    """

    def __init__(self, server_pid: int, engine_pid: int, cores: tuple[int, int]) -> None:
        self._others = cores[1]
        self._watch = Elsewhere(_placing, server_pid, engine_pid, os.getpid(), cores, rate=1 / PERIOD_S)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Pinning:
        _pin(os.getpid(), self._others)
        self._stack.enter_context(self._watch)
        self._stack.enter_context(self._watch.at_work())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _placing(server_pid: int, engine_pid: int, bench_pid: int, cores: tuple[int, int]) -> Callable[[], None]:
    engines, others = cores
    server, placed = psutil.Process(server_pid), set[int]()

    def place() -> None:
        nonlocal placed
        tree = {process.pid for process in server.children(recursive=True)} | {server_pid, bench_pid, os.getpid()}
        for pid in tree - placed:
            _pin(pid, engines if pid == engine_pid else others)
        placed = tree

    place()
    return place


def _pin(pid: int, core: int) -> None:
    """Every thread of a process; one that has just ended needs no place."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), {core})
