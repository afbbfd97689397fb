"""The thread that listens to what the engine publishes. It owns the SUB socket."""

from __future__ import annotations

import logging
from queue import Empty, SimpleQueue

import zmq
from pydantic import ValidationError

from elitscope.codec import decode_publication
from elitscope.errors import ElitscopeError
from elitscope.messages import Event, Status
from elitscope_service.api.engine_view import EngineView
from elitscope_service.status import EngineStatus
from elitscope_service.threads import WakeableThread

logger = logging.getLogger(__name__)

TOPICS = ("status/", "event/")


class EngineWatcher(WakeableThread):
    """Keeps an `EngineView` up to date. Reconnects by itself when the engine comes back at the same address."""

    def __init__(self, view: EngineView) -> None:
        super().__init__("elitscope-watcher")
        self._view = view
        self._addresses: SimpleQueue[str] = SimpleQueue()
        self._connected: set[str] = set()
        self._stopping = False

    def watch(self, address: str) -> None:
        """Listen to the engine that publishes there; from any thread. Naming it again is harmless."""
        self._addresses.put(address)
        self.wake()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        sock = context.socket(zmq.SUB)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.RCVHWM, 16)
            sock.setsockopt(zmq.IPV6, 1)
            sock.setsockopt(zmq.RECONNECT_IVL, 100)
            sock.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
            for topic in TOPICS:
                sock.setsockopt(zmq.SUBSCRIBE, topic.encode())
            self._loop(sock)
        finally:
            sock.close()
            context.term()

    def _loop(self, sock: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(sock, zmq.POLLIN)
        poller.register(self.waker.fileno(), zmq.POLLIN)
        while not self._stopping:
            ready = dict(poller.poll())
            if self.waker.fileno() in ready:
                self.waker.clear()
                self._connect(sock)
            if sock in ready:
                self._take(sock.recv_multipart(copy=False))

    def _connect(self, sock: zmq.Socket[bytes]) -> None:
        while True:
            try:
                address = self._addresses.get_nowait()
            except Empty:
                return
            if address not in self._connected:
                sock.connect(address)
                self._connected.add(address)

    def _take(self, frames: list[zmq.Frame]) -> None:
        try:
            _, message = decode_publication([frame.buffer for frame in frames])
            if isinstance(message, Status):
                self._view.update(EngineStatus.model_validate(message.body))
            elif isinstance(message, Event):
                logger.debug("event: %s", dict(message.body))
        except (ElitscopeError, ValidationError) as error:
            logger.warning("a publication of the engine could not be read: %s", error)
