"""A thread that listens to what the engine publishes. It owns its SUB socket."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue

import zmq
from pydantic import ValidationError

from elitscope.codec import decode_publication
from elitscope.errors import ElitscopeError
from elitscope.messages import ServerMessage
from elitscope_service.threads import WakeableThread

logger = logging.getLogger(__name__)

REFUSED_PAUSE_MS = 500
REFUSALS = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
"""The last one is how it looks where the engine hangs up before it was heard why."""

Introduce = Callable[[zmq.Socket[bytes]], None]


def without_a_key(sock: zmq.Socket[bytes]) -> None:
    """How a socket introduces itself to an engine that asks for no keys."""


class SubscriberThread(WakeableThread):
    """Takes publications in as they come. Reconnects by itself when the engine comes back at the same address.

    Args:
        name: the thread's.
        waiting: publications that may wait to be read; more than that are missed.
        introduce: has a new socket show its key, where the engine asks for one at this moment.
    """

    def __init__(self, name: str, waiting: int, introduce: Introduce) -> None:
        super().__init__(name)
        self._waiting = waiting
        self._introduce = introduce
        self._addresses: SimpleQueue[str] = SimpleQueue()
        self._connected: set[str] = set()
        self._subscribed: frozenset[str] = frozenset()
        self._stopping = False

    @abstractmethod
    def topics(self) -> tuple[Collection[str], float | None]:
        """What to listen to now, and in how many seconds to ask again, at the latest; None: only when woken."""

    @abstractmethod
    def take(self, topic: str, message: ServerMessage) -> None:
        """A publication has come; called in this thread.

        Raises:
            ElitscopeError, ValidationError: it can't be read; that is logged.
        """

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
        try:
            while not self._stopping:
                self._listen(context)
        finally:
            context.term()

    def _listen(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Until the end, or until the engine refuses this connection: it has begun to ask for keys, and libzmq does not try again."""
        sock = context.socket(zmq.SUB)
        monitor = sock.get_monitor_socket(REFUSALS)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.RCVHWM, self._waiting)
            sock.setsockopt(zmq.IPV6, 1)
            sock.setsockopt(zmq.RECONNECT_IVL, 100)
            sock.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
            self._introduce(sock)
            self._subscribed = frozenset()
            for address in self._connected:
                sock.connect(address)
            self._loop(sock, monitor)
        finally:
            sock.disable_monitor()
            monitor.close()
            sock.close()

    def _loop(self, sock: zmq.Socket[bytes], monitor: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        for source in (sock, monitor, self.waker.fileno()):
            poller.register(source, zmq.POLLIN)
        while not self._stopping:
            seconds = self._subscribe(sock)
            ready = dict(poller.poll(None if seconds is None else int(1e3 * seconds) + 1))
            if self.waker.fileno() in ready:
                self.waker.clear()
                self._connect(sock)
            if monitor in ready:
                logger.info("the engine refused a connection: the next one shows the key that there is then")
                self._pause()
                return
            if sock in ready:
                self._read(sock.recv_multipart(copy=False))

    def _pause(self) -> None:
        """Until woken, or for as long as the keys take to be read anew."""
        poller = zmq.Poller()
        poller.register(self.waker.fileno(), zmq.POLLIN)
        poller.poll(REFUSED_PAUSE_MS)

    def _subscribe(self, sock: zmq.Socket[bytes]) -> float | None:
        topics, seconds = self.topics()
        wanted = frozenset(topics)
        for topic in self._subscribed - wanted:
            sock.setsockopt(zmq.UNSUBSCRIBE, topic.encode())
        for topic in wanted - self._subscribed:
            sock.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self._subscribed = wanted
        return seconds

    def _connect(self, sock: zmq.Socket[bytes]) -> None:
        while True:
            try:
                address = self._addresses.get_nowait()
            except Empty:
                return
            if address not in self._connected:
                sock.connect(address)
                self._connected.add(address)

    def _read(self, frames: list[zmq.Frame]) -> None:
        try:
            self.take(*decode_publication([frame.buffer for frame in frames]))
        except (ElitscopeError, ValidationError) as error:
            logger.warning("a publication of the engine could not be read: %s", error)
