"""Bare peers on real sockets: they can send anything, and see what comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import zmq

from elitscope.codec import decode_publication, decode_server, encode
from elitscope.messages import Hello, ServerMessage, Welcome
from elitscope_service.engine.engine import Engine
from elitscope_service.registry import Registry

PATIENCE_MS = 120_000


class RunningEngine:
    """An engine in this process, with its addresses."""

    def __init__(self, engine: Engine, registry: Registry, bind: str, publish: str) -> None:
        self.engine, self.registry, self.bind, self.publish = engine, registry, bind, publish
        self._closed = False

    def serve(self) -> None:
        self.engine.serve(self.registry.load_first())

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.engine.close()


class Peer:
    """A DEALER."""

    def __init__(self, address: str, **options: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.socket.connect(address)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._context.term()

    def send(self, message: Any) -> None:
        """Send a message, or raw parts."""
        self.socket.send_multipart(message if isinstance(message, Sequence) else encode(message))

    def offer(self, message: Any) -> None:
        """Send, unless there is nowhere to send it to: the server refused this peer already, and ZeroMQ would wait for another."""
        with contextlib.suppress(zmq.Again):
            self.socket.send_multipart(encode(message), zmq.NOBLOCK)

    def receive(self, patience_ms: int = PATIENCE_MS) -> ServerMessage:
        """The next message from the server."""
        assert self.socket.poll(patience_ms), "no answer came"
        return decode_server(self.socket.recv_multipart())

    def ask(self, message: Any) -> ServerMessage:
        """Send, and wait for what comes back."""
        self.send(message)
        return self.receive()

    def greet(self, session: str) -> Peer:
        """Open a session."""
        assert isinstance(self.ask(Hello(session)), Welcome)
        return self

    def silent(self, milliseconds: int = 200) -> bool:
        """Whether nothing comes for a while."""
        return not self.socket.poll(milliseconds)


class Subscriber:
    """A SUB."""

    def __init__(self, address: str, *topics: str, **options: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        for topic in topics:
            self.socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self.socket.connect(address)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._context.term()

    def receive(self, patience_ms: int = PATIENCE_MS) -> tuple[str, Any]:
        """Topic and message of the next publication."""
        assert self.socket.poll(patience_ms), "nothing was published"
        return decode_publication(self.socket.recv_multipart())

    def until(self, wanted: Callable[[str, Any], bool], most: int = 1000) -> Any:
        """The first publication that is wanted; others are passed over."""
        for _ in range(most):
            topic, message = self.receive()
            if wanted(topic, message):
                return message
        raise AssertionError(f"not among {most} publications")
