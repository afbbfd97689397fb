"""Threads that have an owner: they are started, asked to stop, and joined, and what ended one is known."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from threading import Thread

from elitscope_service.waker import Waker

logger = logging.getLogger(__name__)


class OwnedThread(ABC):
    """A thread with one job, `run`. `failure` is the exception that ended it, if one did."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failure: BaseException | None = None
        self._thread = Thread(target=self._guarded, name=name, daemon=True)

    @abstractmethod
    def run(self) -> None:
        """What the thread does, until it is asked to stop."""

    def failed(self, error: BaseException) -> None:
        """`run` raised; called in the thread itself, at its end."""
        logger.error("thread %s ended", self.name, exc_info=error)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it came. One that never started has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - whatever it was, the owner has to know
            self.failure = error
            self.failed(error)


class WakeableThread(OwnedThread):
    """A thread that waits in a poller, where `waker` is registered, and can be woken there from any other."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._waker: Waker | None = None

    def start(self) -> None:
        """Start the thread."""
        self._waker = Waker()
        super().start()

    @property
    def waker(self) -> Waker:
        """What the thread polls, beside its own; there once it was started."""
        assert self._waker is not None, f"thread {self.name} was not started"
        return self._waker

    def wake(self) -> None:
        """Make the thread look around; harmless before its start and after its end."""
        if self._waker is not None:
            self._waker.wake()

    def _guarded(self) -> None:
        try:
            super()._guarded()
        finally:
            self.waker.close()
