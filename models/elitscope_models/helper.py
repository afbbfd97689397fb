"""A second thread for what can be divided.

A frame's atoms are searched while the other cores that ran the networks are idle. What is handed over here is done by whoever gets to it
first, the helper or the caller: a helper that comes late costs nothing. What is computed must not depend on that, so tasks write apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from elitscope_models.cores import usable_cores

T = TypeVar("T")
Task = Callable[[], object]


@dataclass(frozen=True)
class Handed(Generic[T]):
    """A task that was handed over."""

    task: Callable[[], T]
    begun: Future[T] | None

    def result(self) -> T:
        """What comes of it, done here and now where the helper has not begun with it."""
        return self.task() if self.begun is None or self.begun.cancel() else self.begun.result()


class Helper:
    """One thread, begun when it is first needed, where this process may use more than one core; no thread where it may not."""

    def hand(self, task: Callable[[], T]) -> Handed[T]:
        """Have a task done by the time somebody asks for its result, which somebody must."""
        return Handed(task, None if self._pool is None else self._pool.submit(task))

    def share(self, tasks: Iterable[Task]) -> None:
        """Do all of them, with the helper."""
        waiting = deque(tasks)
        handed = self.hand(lambda: _work_off(waiting))
        try:
            _work_off(waiting)
        finally:
            handed.result()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor | None:
        return ThreadPoolExecutor(1, "ensemble-helper") if usable_cores() > 1 else None


def _work_off(waiting: deque[Task]) -> None:
    while waiting:
        try:
            task = waiting.popleft()
        except IndexError:  # the other one was faster
            return
        task()
