"""The fusing thread: compiles graphs that run an ensemble in one call, while frames go on without them (`elitscope_models.fusion`)."""

from __future__ import annotations

import contextlib
import os
import threading
from queue import SimpleQueue

from elitscope_models.cores import usable_cores
from elitscope_models.fusion import Fusion
from elitscope_service.threads import OwnedThread

LOWEST_PRIORITY = 19
ONE_CORE_PRIORITY = 5
"""Where frames and this thread share one core: a stream that keeps it busy would wait ten seconds for a graph that makes it faster."""


class FusingThread(OwnedThread):
    """Works off what ensembles have waiting, one graph at a time, with processor time that frames leave over."""

    def __init__(self) -> None:
        super().__init__("elitscope-fusing")
        self._jobs: SimpleQueue[Fusion | None] = SimpleQueue()
        self._stopping = False

    def ask(self, fusion: Fusion) -> None:
        """There is something waiting. From any thread; never waits."""
        self._jobs.put(fusion)

    def stop(self) -> None:
        """Ask the thread to end; a compilation under way is not interrupted."""
        self._stopping = True
        self._jobs.put(None)

    def run(self) -> None:
        stay_behind()
        while (fusion := self._jobs.get()) is not None and not self._stopping:
            while not self._stopping and fusion.work():
                pass
            del fusion  # of an ensemble that may be unloaded while this thread waits


def stay_behind() -> None:
    """Have this thread alone wait for processor time that nobody else wants, on systems where threads have priorities of their own."""
    niceness = LOWEST_PRIORITY if usable_cores() > 1 else ONE_CORE_PRIORITY
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
