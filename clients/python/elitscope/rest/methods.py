"""Methods made of described calls, so that two clients have the same ones: one that waits, one to be awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from elitscope.rest.requests import Steps

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any]")


class Waiting(Protocol):
    """Makes a call and waits for what it comes to."""

    def make(self, steps: Steps[T]) -> T:
        """Drive the call to its end."""


class Awaiting(Protocol):
    """Makes a call without blocking."""

    async def make(self, steps: Steps[T]) -> T:
        """Drive the call to its end."""


def waits(describe: Callable[P, Steps[T]]) -> Callable[Concatenate[Waiting, P], T]:
    """The method that makes a described call and waits for it."""

    def method(self: Waiting, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.make(describe(*args, **kwargs))

    return _named_after(describe, method)


def awaits(describe: Callable[P, Steps[T]]) -> Callable[Concatenate[Awaiting, P], Coroutine[Any, Any, T]]:
    """The coroutine method that makes a described call."""

    async def method(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.make(describe(*args, **kwargs))

    return _named_after(describe, method)


def _named_after(describe: Callable[..., Any], method: F) -> F:
    """The method with the name, help and signature of the call, so that `help()` and editors know it."""
    described = inspect.signature(describe)
    functools.update_wrapper(method, describe)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    result = str(described.return_annotation)
    result = result[len("Steps[") : -1] if result.startswith("Steps[") else result
    signature = described.replace(parameters=[own, *described.parameters.values()], return_annotation=result)
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method
