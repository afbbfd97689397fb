"""Which processor core does what: the engine has one to itself, everything else shares another."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

PERIOD_S = 0.02


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

    Processes that a load starts would inherit the engine's core: they are moved as they appear.
    """

    def __init__(self, server_pid: int, engine_pid: int, cores: tuple[int, int]) -> None:
        self._server, self._engine = server_pid, engine_pid
        self._engines, self._others = cores
        self._placed: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pinning")

    def __enter__(self) -> Pinning:
        self._place()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._place()

    def _place(self) -> None:
        tree = {process.pid for process in psutil.Process(self._server).children(recursive=True)} | {self._server, os.getpid()}
        for pid in tree - self._placed:
            _pin(pid, self._engines if pid == self._engine else self._others)
        self._placed = tree


def _pin(pid: int, core: int) -> None:
    """Every thread of a process; one that has just ended needs no place."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), {core})
