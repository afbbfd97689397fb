"""Listening to what a server publishes: results, status, events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

import zmq

from elitscope.codec import decode_publication
from elitscope.curve import Handshakes, KeyLike, as_key, show_key
from elitscope.errors import ServerGone
from elitscope.messages import ServerMessage

DEFAULT_PUBLISH = "tcp://127.0.0.1:5556"


def subscribe(
    address: str = DEFAULT_PUBLISH,
    topics: Iterable[str] = ("summary/", "status/", "event/", "drift/"),
    timeout: Optional[float] = 10.0,
    key: KeyLike = None,
) -> Iterator[tuple[str, ServerMessage]]:
    """Topic and message of every publication, for ever; a slow listener misses some, and never slows the server.

    Topics are prefixes that end in "/": `summary/<stream>/`, `result/<stream>/`, `preview/<stream>/`, `members/<stream>/`, `status/`,
    `event/`, `drift/<stream>/`; `summary/` is every stream's. `timeout`: seconds of silence after which the server counts as gone (its
    status comes once a second); None waits for ever. `key`: for a server that asks for one, the path of a key file or what it holds.

    Raises:
        ServerGone: nothing came for `timeout`. NotAuthorised: the server asks for another key, or for one at all. ValueError: the address
            can't be used. MessageInvalid: what came is of another protocol.
    """
    shown = as_key(key)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sock = context.socket(zmq.SUB)
    handshakes = Handshakes(sock, address, shown)
    try:
        sock.setsockopt(zmq.LINGER, 0)
        show_key(sock, shown)
        for topic in topics:
            sock.setsockopt(zmq.SUBSCRIBE, topic.encode())
        try:
            sock.connect(address)
        except zmq.ZMQError as error:
            raise ValueError(f"publish address {address!r} can't be used ({error.strerror}): write it as tcp://host:5556") from error
        poller = zmq.Poller()
        poller.register(sock, zmq.POLLIN)
        poller.register(handshakes.socket, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(None if timeout is None else int(timeout * 1e3)))
            if (refusal := handshakes.read()) is not None:
                raise refusal
            if not ready:
                text = f"nothing was published at {address} for {timeout:g} s: is the server running, and is this its publish address?"
                raise ServerGone(text)
            if sock in ready:
                yield decode_publication([part.buffer for part in sock.recv_multipart(copy=False)])
    finally:
        handshakes.close()
        sock.close()
        context.term()
