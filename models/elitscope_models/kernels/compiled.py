"""A function compiled by Numba when it is first called, or loaded from where it was compiled before.

The signature is stated, so that nothing is ever compiled for another kind of array in the midst of a frame. Arithmetic is IEEE's and in the
order in which it is written: no reassociation, no contraction, no threads, so that a result depends on nothing but its input.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, update_wrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

FOLDER_VARIABLE = "NUMBA_CACHE_DIR"


class Kernel(Generic[P, R_co]):
    """A compiled function. Other threads run while it does: it holds no lock of the interpreter's.

    Args:
        function: in the part of Python that Numba compiles; its arrays are the caller's to check, indices are not looked at.
        signature: of its arguments, in Numba's words.
    """

    def __init__(self, function: Callable[P, R_co], signature: str) -> None:
        self.plain = function
        self._signature = signature
        update_wrapper(self, function)

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R_co:
        return self._compiled(*arguments, **named)

    def load(self) -> None:
        """Compile it now, or load it."""
        _ = self._compiled

    @cached_property
    def _compiled(self) -> Callable[P, R_co]:
        import numba  # takes a while, and not everything that imports this calls a kernel

        try:
            return self._compile(numba, cached=True)
        except RuntimeError:  # no folder can be written to
            return self._compile(numba, cached=False)

    def _compile(self, numba: object, cached: bool) -> Callable[P, R_co]:
        njit = numba.njit  # type: ignore[attr-defined]
        made: Callable[P, R_co] = njit(self._signature, nogil=True, cache=cached, error_model="numpy", fastmath=False)(self.plain)
        return made


def compiled(signature: str) -> Callable[[Callable[P, R_co]], Kernel[P, R_co]]:
    """Decorator: make a `Kernel` of a function."""
    return lambda function: Kernel(function, signature)


def keep_compiled(folder: Path) -> None:
    """Keep what is compiled in `folder`, where it can't be kept beside the sources. To be called before the first kernel is loaded."""
    beside = Path(__file__).parent / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        with TemporaryFile(dir=beside):
            return
    except OSError:
        os.environ.setdefault(FOLDER_VARIABLE, str(folder))
