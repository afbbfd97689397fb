"""Ctrl-C goes to every process of a terminal; here, the one that was started by hand decides what it means for the others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started within are deaf to Ctrl-C, from their first moment on. This one hears it afterwards: none is lost."""
    resource_tracker.ensure_running()  # else the first process would start it, and it lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """The same for this process, for good: first thing in a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
