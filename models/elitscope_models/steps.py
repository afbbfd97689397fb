"""Computations that stop now and then, as generators.

Whoever drives one can serve others in between; what it returns does not depend on when, or whether, it is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]


def finish(steps: Generator[Any, None, T]) -> T:
    """Run without stops.

    >>> def two_steps():
    ...     yield
    ...     return "done"
    >>> finish(two_steps())
    'done'
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def timed(steps: Steps[T], clock: Callable[[], float]) -> Generator[float, None, tuple[T, float]]:
    """The result and the time that it took, ms; pauses do not count. Yields 1.0, "all passes are done", at every stop."""
    spent = 0.0
    while True:
        started = clock()
        try:
            next(steps)
        except StopIteration as end:
            return end.value, spent + (clock() - started) * 1e3
        spent += (clock() - started) * 1e3
        yield 1.0
