"""The thread that ZeroMQ asks whether a connection may be made (ZAP, RFC 27): by the client's CURVE key, and what the key is for.

Without somebody who answers, libzmq lets any CURVE key in; this thread runs before a socket that asks for keys is bound. A connection
carries the id of its key from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import zmq
from zmq.utils import z85

from elitscope.errors import NotAuthorised
from elitscope_service.access.keyring import Keys
from elitscope_service.access.pair import CurvePair
from elitscope_service.engine.sockets import SocketThread
from elitscope_service.logs import LogLimit

logger = logging.getLogger(__name__)

ENDPOINT = "inproc://zeromq.zap.01"
FRAMES, PUBLICATIONS = "frames", "publications"
"""Domains: which socket somebody connects to."""

CURVE_BYTES = 1024
"""Room for what CURVE adds: 33 bytes to every part, and the messages of its handshake, which count too."""

INSIDER = "elitscope"
"""User id of the server's own processes, which hold the server's key pair. No key has it: those are 16 hexadecimal digits."""


class Doorman(SocketThread):
    """Answers by the keys of the moment.

    Args:
        context: the ZeroMQ context whose sockets ask.
        keys: the current snapshot.
        pair: the server's own.
        wall: Unix seconds; `clock`: monotonic ones.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        keys: Keys,
        pair: CurvePair,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        super().__init__("elitscope-doorman")
        self._context = context
        self._keys = keys
        self._pair = pair
        self._wall = wall
        self._log_limit = LogLimit(10.0, clock)
        self._stopping = False

    def stop(self) -> None:
        """Ask the thread to end. To be called when no socket asks any more."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        sock = self._context.socket(zmq.REP)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.bind(ENDPOINT)
            self.bound.set_result(ENDPOINT)
            self._loop(sock)
        finally:
            sock.close()

    def _loop(self, sock: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(self.waker.fileno(), zmq.POLLIN)
        poller.register(sock, zmq.POLLIN)
        while not self._stopping:
            ready = dict(poller.poll())
            if self.waker.fileno() in ready:
                self.waker.clear()
            if sock in ready:
                sock.send_multipart(self._reply(sock.recv_multipart()))

    def _reply(self, request: list[bytes]) -> list[bytes]:
        version, request_id, domain, address, _, mechanism, *credentials = request
        status, text, user = self._judge(domain.decode(), mechanism, credentials)
        if status != "200":
            held = self._log_limit.pass_on(text)
            if held is not None:
                more = f" ({held} more like it since the last line)" if held else ""
                logger.warning("a connection from %s for %s was refused: %s%s", address.decode(), domain.decode(), text, more)
        return [version, request_id, status.encode(), text.encode(), user.encode(), b""]

    def _judge(self, domain: str, mechanism: bytes, credentials: list[bytes]) -> tuple[str, str, str]:
        """Status, why, and the user id. 300 has the client try again: who may come in is not known yet."""
        if mechanism != b"CURVE" or not credentials or len(credentials[0]) != 32:
            return "400", "a key is needed", ""
        public = z85.encode(credentials[0]).decode()
        if public == self._pair.public_key and domain == PUBLICATIONS:
            return "200", "OK", INSIDER
        ring = self._keys()
        if not ring.known:
            return "300", "who may come in is not known yet", ""
        try:
            key = ring.by_curve(public, self._wall())
        except NotAuthorised as error:
            return "400", str(error), ""
        if domain == FRAMES and "operate" not in key.scopes:
            return "400", f"key {key.name!r} has scope {key.scope!r}, and frames need scope 'operate'", ""
        return "200", "OK", key.id


def ask_for_keys(sock: zmq.Socket[bytes], pair: CurvePair, domain: str) -> None:
    """Have a socket that is not bound yet let in only whom the doorman knows."""
    sock.setsockopt(zmq.CURVE_SERVER, 1)
    sock.setsockopt_string(zmq.CURVE_PUBLICKEY, pair.public_key)
    sock.setsockopt_string(zmq.CURVE_SECRETKEY, pair.secret_key)
    sock.setsockopt_string(zmq.ZAP_DOMAIN, domain)
    most = int(sock.getsockopt(zmq.MAXMSGSIZE))
    if most >= 0:
        sock.setsockopt(zmq.MAXMSGSIZE, most + CURVE_BYTES)
