"""What all of the engine's sockets have in common: one thread each, the same patience, a bind that says what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future

import zmq

from elitscope.errors import ElitscopeError
from elitscope_service.addresses import tcp_address
from elitscope_service.threads import WakeableThread

HANDSHAKE_MS = 3_000
HEARTBEAT_MS = 2_000
SILENCE_MS = 10_000
LET_GO_S = 2.0

Configure = Callable[[zmq.Socket[bytes]], None]
"""Prepares a socket before it is bound: has it ask for keys, say."""


class AddressTaken(ElitscopeError, OSError):
    """An address can't be bound; says which and why."""

    code = "address_taken"


class SocketThread(WakeableThread):
    """A thread that binds a socket. `bound` is the socket's address once it has one; a failure before that is handed over there."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.bound: Future[str] = Future()

    def failed(self, error: BaseException) -> None:
        """Whoever waits for the address learns of it there."""
        if self.bound.done():
            super().failed(error)
        else:
            self.bound.set_exception(error)


def bind_again(sock: zmq.Socket[bytes], address: str) -> None:
    """Bind where a socket was just closed, which libzmq finishes in its own time.

    Raises:
        AddressTaken: it has not let go within two seconds.
    """
    end = time.monotonic() + LET_GO_S
    while True:
        try:
            bind(sock, address)
            return
        except AddressTaken:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def bind(sock: zmq.Socket[bytes], address: str) -> str:
    """Set the common options, bind, and return the address with its actual port.

    Raises:
        AddressTaken: the address can't be had.
    """
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.IPV6, int(":" in tcp_address(address).host))
    # a peer that connects and says nothing, one that vanishes, and one that is stopped with a full pipe (which heartbeats
    # can't find: there is no way to send one) are all let go within seconds
    sock.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    sock.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    sock.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE_MS)
    sock.setsockopt(zmq.TCP_MAXRT, SILENCE_MS)
    try:
        sock.bind(address)
    except zmq.ZMQError as error:
        raise AddressTaken(f"{address} can't be bound ({error.strerror}): stop what uses it, or choose another port") from error
    return sock.getsockopt_string(zmq.LAST_ENDPOINT)
