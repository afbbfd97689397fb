"""Ctrl-C goes to every process of a terminal; here, the one that was started by hand decides what it means for the others."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started within are deaf to Ctrl-C, from their first moment on; so is this one for as long as that takes."""
    if threading.current_thread() is not threading.main_thread():  # only there can signals be set, and is Ctrl-C heard
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def ignore_interrupts() -> None:
    """The same for this process, for good: first thing in a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
