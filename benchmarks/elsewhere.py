"""Something that goes on in a process of its own while frames are timed: it shares no interpreter with what is measured."""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any, Self

PATIENCE_S = 120.0

Act = Callable[[], object]


class Elsewhere:
    """Does the same thing again and again, at a rate, as long as it is wanted.

    Args:
        make: a function of a module; called in the process with `args`, gives what is to be done. What that returns is kept, unless None.
        rate: times a second, or as fast as it goes.
    """

    def __init__(self, make: Callable[..., Act], *args: object, rate: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._wanted, self._idle, self._end = context.Event(), context.Event(), context.Event()
        self._done: multiprocessing.Queue[Any] = context.Queue()
        self._process = context.Process(target=_run, args=(make, args, rate, self._wanted, self._idle, self._end, self._done), daemon=True)
        self.records: list[Any] = []
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._process.start()
        assert self._idle.wait(PATIENCE_S), "the process did not get ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._wanted.set()
        self._take()
        self._process.join(PATIENCE_S)
        self._process.close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """It goes on for the `with` block; what is under way at the end is done before it is left."""
        began = time.perf_counter()
        self._idle.clear()
        self._wanted.set()
        yield
        self.seconds += time.perf_counter() - began
        self._wanted.clear()
        assert self._idle.wait(PATIENCE_S), "it did not come to an end"
        self._take()

    def _take(self) -> None:
        while True:
            try:
                record = self._done.get(timeout=0.05)
            except queue.Empty:
                return
            if isinstance(record, BaseException):
                raise record
            self.records.append(record)


def _run(make: Callable[..., Act], args: tuple[object, ...], rate: float, wanted: Event, idle: Event, end: Event, done: Any) -> None:
    act = make(*args)
    idle.set()
    while wanted.wait() and not end.is_set():
        due = time.perf_counter()
        while wanted.is_set():
            try:
                record = act()
            except Exception as error:  # noqa: BLE001 - raised again where it can be seen
                record = RuntimeError(repr(error))
                wanted.clear()
            if record is not None:
                done.put(record)
            due = max(due + 1 / rate, time.perf_counter() - 0.5)
            time.sleep(max(0.0, due - time.perf_counter()))
        idle.set()
