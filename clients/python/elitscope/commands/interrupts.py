"""Ctrl-C that can't get lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. Where that is a callback of the garbage collector, as h5py's are
while a file is written, the exception is printed and forgotten, and the run would go on to its end. So it is noted, too.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """For as long as the block lasts, Ctrl-C is noted besides being raised; yields what tells whether it came.

    Only where it would be raised anyway: in the main thread, under Python's own handler.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield came.is_set
        return

    def note(number: int, frame: Any) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
