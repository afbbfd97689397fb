"""The io thread: owns the ROUTER socket, feeds the reception, sends what it and the worker have to say."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from elitscope.codec import MAX_HEADER_BYTES, MAX_PARTS, encode
from elitscope.messages import Reject
from elitscope_service.config import Limits
from elitscope_service.engine.answers import Answer
from elitscope_service.engine.outbox import Outbox
from elitscope_service.engine.reception import Outgoing, Reception
from elitscope_service.engine.sockets import Configure, SocketThread, bind
from elitscope_service.logs import LogLimit

logger = logging.getLogger(__name__)

MESSAGES_A_ROUND = 64
"""Messages received before it is the answers' turn to be sent."""
DISCARDED_A_ROUND = 4096
"""Parts thrown away in one go of a message that has far too many."""
TICK_S = 1.0
TICKS_APART_S = 0.1


@dataclass(frozen=True)
class RouterLoad:
    """What the thread was up to, for the status."""

    unsent_bytes: int
    undelivered: int


class RouterThread(SocketThread):
    """Receives, answers, and once a second looks at the clock.

    It is bound from `start` on, and reads nothing before `open`: what comes earlier waits in the socket instead of being refused.

    Args:
        context: the ZeroMQ context to make the socket in.
        address: where to bind; port 0 chooses one, `bound.result()` says which.
        reception: what messages lead to; used by this thread alone.
        on_tick: called in this thread once a second, and when asked for, with its load.
        configure: has the socket ask for keys, where they are needed.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: str,
        reception: Reception,
        limits: Limits,
        on_tick: Callable[[RouterLoad], None],
        clock: Callable[[], float],
        configure: Configure = lambda sock: None,
    ) -> None:
        super().__init__("elitscope-io")
        self._context = context
        self._address = address
        self._reception = reception
        self._limits = limits
        self._on_tick = on_tick
        self._clock = clock
        self._prepare = configure
        self._asks_for_keys = False
        self._answers: deque[Answer] = deque()
        self._opened = False
        self._stopping = False
        self._tick_wanted = False
        self._linger_ms = 0
        self._discarding = False
        self._undelivered = 0
        self._log_limit = LogLimit(10.0, clock)

    def open(self) -> None:
        """Begin to read messages."""
        self._opened = True
        self.wake()

    def post(self, answer: Answer) -> None:
        """Have an answer sent; from any thread, never waits."""
        self._answers.append(answer)
        self.wake()

    def hurry(self) -> None:
        """Bring the next tick forward: somebody waits for it. From any thread."""
        self._tick_wanted = True
        self.wake()

    def stop(self, linger_s: float = 0.0) -> None:
        """Ask the thread to send what was posted and end; unread replies are kept for `linger_s` more."""
        self._linger_ms = int(1e3 * linger_s)
        self._stopping = True
        self.wake()

    def run(self) -> None:
        sock = self._context.socket(zmq.ROUTER)
        try:
            self._configure(sock)
            self._prepare(sock)
            self._asks_for_keys = bool(sock.getsockopt(zmq.CURVE_SERVER))
            self.bound.set_result(bind(sock, self._address))
            self._loop(sock, Outbox(sock, self._limits.unsent_bytes))
        finally:
            sock.close(linger=self._linger_ms)

    def _configure(self, sock: zmq.Socket[bytes]) -> None:
        sock.setsockopt(zmq.ROUTER_MANDATORY, 1)
        sock.setsockopt(zmq.MAXMSGSIZE, max(self._limits.frame_bytes, MAX_HEADER_BYTES))
        sock.setsockopt(zmq.RCVHWM, 16)
        sock.setsockopt(zmq.SNDHWM, 64)

    def _loop(self, sock: zmq.Socket[bytes], outbox: Outbox) -> None:
        poller = zmq.Poller()
        poller.register(self.waker.fileno(), zmq.POLLIN)
        reading = False
        last_tick = -TICK_S
        while True:
            due = last_tick + (TICKS_APART_S if self._tick_wanted else TICK_S)
            if self._opened and not reading:
                poller.register(sock, zmq.POLLIN)
                reading = True
            ready = dict(poller.poll(max(0, int(1e3 * (due - self._clock())) + 1)))
            if self.waker.fileno() in ready:
                self.waker.clear()
            self._send_answers(outbox)
            if sock in ready:
                self._receive_round(sock, outbox)
            if self._clock() >= due:
                last_tick, self._tick_wanted = self._clock(), False
                self._reception.tick()
                self._on_tick(RouterLoad(outbox.nbytes, self._undelivered))
            if self._stopping:
                self._send_answers(outbox)
                return

    def _send_answers(self, outbox: Outbox) -> None:
        while self._answers:
            self._send(outbox, self._reception.answer(self._answers.popleft()))

    def _send(self, outbox: Outbox, outgoing: Outgoing | None) -> None:
        if outgoing is not None and not outbox.send([outgoing.route, *outgoing.parts], peer=outgoing.route):
            self._undelivered += 1

    def _receive_round(self, sock: zmq.Socket[bytes], outbox: Outbox) -> None:
        for _ in range(MESSAGES_A_ROUND):
            try:
                message = self._receive(sock)
            except zmq.Again:
                return
            if message is not None:
                route, *parts = message
                user = str(route.get("User-Id")) if self._asks_for_keys else ""
                self._handle(outbox, route.bytes, [part.buffer for part in parts], user)

    def _receive(self, sock: zmq.Socket[bytes]) -> list[zmq.Frame] | None:
        """One message, routing id first, of at most one part more than allowed: the rest is thrown away unread. None: no message yet."""
        if self._discarding:
            self._discard(sock)
            return None
        frames = [sock.recv(zmq.NOBLOCK, copy=False)]
        while frames[-1].more and len(frames) <= 1 + MAX_PARTS:
            frames.append(sock.recv(zmq.NOBLOCK, copy=False))
        self._discarding = frames[-1].more
        return frames

    def _discard(self, sock: zmq.Socket[bytes]) -> None:
        for _ in range(DISCARDED_A_ROUND):
            if not sock.recv(zmq.NOBLOCK, copy=False).more:
                self._discarding = False
                return

    def _handle(self, outbox: Outbox, route: bytes, parts: list[Any], user: str) -> None:
        try:
            outgoing = self._reception.receive(route, parts, user)
        except Exception as error:  # one client's message must never end the service of all the others
            held = self._log_limit.pass_on(type(error).__name__)
            if held is not None:
                logger.exception("a message could not be handled (%d more like it were not logged)", held)
            outgoing = [Outgoing(route, encode(Reject(None, "", "internal", f"the server failed on this message: {error!r}")))]
        for message in outgoing:
            self._send(outbox, message)
