"""The publisher thread: owns the XPUB socket and empties the mailbox into it. It can be late; it can't make a reply late."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from elitscope.codec import encode_publication
from elitscope.errors import ElitscopeError
from elitscope.messages import Event, ServerMessage, Status
from elitscope_service.engine.mailbox import Mailbox
from elitscope_service.engine.outbox import Outbox
from elitscope_service.engine.sockets import Configure, SocketThread, bind, bind_again
from elitscope_service.engine.subscriptions import Subscriptions
from elitscope_service.publications import NOW_AND_THEN

logger = logging.getLogger(__name__)

STATUS_TOPIC = "status/"
EVENT_TOPIC = "event/"
DEPTHS = {"summary": 64, "result": 4, "event": 64}
MOST_WAITING = 512
SUBSCRIPTION_BYTES = 256
REPLY_FIRST_S = 0.005
"""What is costly to send waits so long, that the frame's own reply is through: they share a thread of ZeroMQ's, and the processor."""


class PublisherThread(SocketThread):
    """Publishes what is put in, latest wins.

    Args:
        context: the ZeroMQ context to make the socket in.
        address: where to bind; port 0 chooses one, `bound.result()` says which.
        most_bytes: bytes on their way to slow subscribers before more is dropped.
        on_join: called in this thread with the prefix that somebody has subscribed to; must not wait.
        configure: has the socket ask for keys, where they are needed.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: str,
        most_bytes: int,
        on_join: Callable[[str], None],
        configure: Configure = lambda sock: None,
    ) -> None:
        super().__init__("elitscope-publisher")
        self.subscriptions = Subscriptions()
        self._context = context
        self._address = address
        self._most_bytes = most_bytes
        self._on_join = on_join
        self._mailbox = Mailbox(DEPTHS, MOST_WAITING)
        self._missed = 0
        self._prepare = configure
        self._cutting = False
        self._stopping = False

    @property
    def dropped(self) -> int:
        """Publications that were pushed out here, or that at least one subscriber was too slow for."""
        return self._mailbox.dropped + self._missed

    def put(self, topic: str, message: ServerMessage) -> None:
        """Have a message published, if anybody wants it; from any thread, never waits."""
        if self.subscriptions.want(topic):
            self._mailbox.put(topic, message)
            self.wake()

    def status(self, body: Mapping[str, Any]) -> None:
        """Publish the engine's state."""
        self.put(STATUS_TOPIC, Status(body))

    def event(self, body: Mapping[str, Any]) -> None:
        """Publish that something happened."""
        self.put(EVENT_TOPIC, Event(body))

    def cut_off(self) -> None:
        """Have every subscriber connect anew, since somebody may not any more; from any thread. Whoever still may hears on in a moment.

        libzmq can't end one connection of a socket, so the socket is made anew.
        """
        self._cutting = True
        self.wake()

    def stop(self) -> None:
        """Ask the thread to publish what is waiting and end."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        while True:
            self._cutting = False
            sock = self._context.socket(zmq.XPUB)
            try:
                self._configure(sock)
                if self.bound.done():
                    bind_again(sock, self.bound.result())
                else:
                    self.bound.set_result(bind(sock, self._address))
                self._loop(sock, Outbox(sock, self._most_bytes))
            finally:
                self.subscriptions.clear()
                sock.close()
            if self._stopping:
                return

    def _configure(self, sock: zmq.Socket[bytes]) -> None:
        sock.setsockopt(zmq.XPUB_VERBOSE, 1)
        sock.setsockopt(zmq.XPUB_NODROP, 1)
        sock.setsockopt(zmq.SNDHWM, 64)
        sock.setsockopt(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES)
        self._prepare(sock)

    def _loop(self, sock: zmq.Socket[bytes], outbox: Outbox) -> None:
        poller = zmq.Poller()
        poller.register(self.waker.fileno(), zmq.POLLIN)
        poller.register(sock, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self.waker.fileno() in ready:
                self.waker.clear()
            if sock in ready:
                self._note_subscriptions(sock)
            while (entry := self._mailbox.take()) is not None:
                self._publish(sock, outbox, *entry)
            if self._stopping or self._cutting:
                return

    def _note_subscriptions(self, sock: zmq.Socket[bytes]) -> None:
        while True:
            try:
                message = sock.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            prefix = self.subscriptions.note(message)
            if prefix is not None:
                self._on_join(prefix)

    def _publish(self, sock: zmq.Socket[bytes], outbox: Outbox, topic: str, message: ServerMessage) -> None:
        if topic.partition("/")[0] in NOW_AND_THEN:
            time.sleep(REPLY_FIRST_S)
        try:
            parts = encode_publication(topic, message)
        except ElitscopeError as error:
            logger.warning("%s could not be published: %s", topic, error)
            return
        if not outbox.send(parts):
            self._missed += 1
            self._send_to_the_others(sock, outbox, parts)

    def _send_to_the_others(self, sock: zmq.Socket[bytes], outbox: Outbox, parts: list[Any]) -> None:
        """A subscriber's pipe is full: it misses this one, the others get it."""
        sock.setsockopt(zmq.XPUB_NODROP, 0)
        try:
            outbox.send(parts)
        finally:
            sock.setsockopt(zmq.XPUB_NODROP, 1)
