"""One thread that owns the socket to the server and drives a `Session`: what both `Client` and `AsyncClient` stand on."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import Any, Optional, Union

import zmq

from elitscope.codec import decode_server, encode
from elitscope.curve import Handshakes, show_key
from elitscope.errors import ElitscopeError, FrameInvalid, MessageInvalid, ProtocolMismatch, ServerGone
from elitscope.keyfile import KeyFile
from elitscope.messages import FrameMessage, Welcome
from elitscope.session import Answer, Session, State, Timings
from elitscope.types import Rejection, Result

Reply = Union[Result, Rejection]

_FAREWELL_MS = 500


class Connection:
    """Submits frames from any thread; each gets a future of its reply. `start` before use, `close` after.

    Raises (from `start`): ValueError for an address that ZeroMQ can't connect to.
    """

    def __init__(self, address: str, software: str, timings: Timings, key: Optional[KeyFile] = None) -> None:
        self._address, self._timings, self._key = address, timings, key
        self._session = Session(secrets.token_hex(16), software, time.monotonic, timings)
        self._inbox: deque[tuple[FrameMessage, Future[Reply]]] = deque()
        self._futures: dict[int, Future[Reply]] = {}
        self._greetings: deque[Future[Welcome]] = deque()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: Optional[threading.Thread] = None
        self._wake_in: Optional[socket.socket] = None
        self._wake_out: Optional[socket.socket] = None
        self._context: Optional[zmq.Context[zmq.Socket[bytes]]] = None
        self._handshakes: Optional[Handshakes] = None

    @property
    def welcome(self) -> Optional[Welcome]:
        """What the server said of itself, None until it has."""
        return self._session.welcome

    def start(self) -> None:
        """Open the socket and the thread that owns it from then on."""
        self._context = zmq.Context()
        try:
            sock = self._open_socket()
        except zmq.ZMQError as error:
            self._context.term()
            raise ValueError(f"server address {self._address!r} can't be used ({error.strerror}): write it as tcp://host:5555") from error
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread = threading.Thread(target=self._run, args=(sock,), name="elitscope-client", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to the server and end the thread; futures still open are cancelled."""
        if self._thread is None:
            return
        with self._lock:
            self._closing.set()
        self._wake()
        self._thread.join()
        self._thread = None
        for end in (self._wake_in, self._wake_out):
            if end is not None:
                end.close()
        if self._context is not None:
            self._context.term()

    def submit(self, frame: FrameMessage) -> Future[Reply]:
        """Hand a frame over; its future is a `Result`, a `Rejection`, or raises `ServerGone`."""
        future: Future[Reply] = Future()
        with self._lock:
            self._require_open()
            self._inbox.append((frame, future))
        self._wake()
        return future

    def greet(self) -> Future[Welcome]:
        """Wait to be welcomed; the future raises `ServerGone` or `ProtocolMismatch` where that fails."""
        future: Future[Welcome] = Future()
        with self._lock:
            self._require_open()
            self._greetings.append(future)
        self._wake()
        return future

    def _require_open(self) -> None:
        if self._thread is None or self._closing.is_set():
            raise RuntimeError("this client is not open: use it as `with Client(...) as client:`")

    # ------------------------------------------------------------------------------------------- below: the thread's own

    def _wake(self) -> None:
        if self._wake_in is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                self._wake_in.send(b"x")

    def _open_socket(self) -> zmq.Socket[bytes]:
        assert self._context is not None
        sock = self._context.socket(zmq.DEALER)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.IMMEDIATE, 1)
            sock.setsockopt(zmq.RECONNECT_IVL, 100)
            sock.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
            sock.setsockopt(zmq.HEARTBEAT_IVL, 1000)
            sock.setsockopt(zmq.HEARTBEAT_TIMEOUT, 5000)
            show_key(sock, self._key)
            self._handshakes = Handshakes(sock, self._address, self._key)
            sock.connect(self._address)
        except zmq.ZMQError:
            self._close_socket(sock)
            raise
        return sock

    def _close_socket(self, sock: zmq.Socket[bytes], linger: int = 0) -> None:
        if self._handshakes is not None:
            self._handshakes.close()
            self._handshakes = None
        sock.close(linger=linger)

    def _run(self, sock: zmq.Socket[bytes]) -> None:
        try:
            while not self._closing.is_set():
                self._take_submissions()
                self._answer(self._session.tick())
                self._greeted()
                if self._session.reconnect_wanted:
                    self._close_socket(sock)
                    sock = self._open_socket()
                    self._session.reconnected()
                blocked = self._flush(sock)
                self._wait(sock, blocked)
                self._hear_refusal()
                self._read(sock)
        finally:
            self._end(sock)

    def _take_submissions(self) -> None:
        while self._inbox:
            frame, future = self._inbox.popleft()
            try:
                self._session.submit(frame)
                self._futures[frame.frame_id] = future
            except FrameInvalid as error:
                if future.set_running_or_notify_cancel():
                    future.set_result(Rejection(frame.frame_id, frame.stream, error.code, str(error)))

    def _flush(self, sock: zmq.Socket[bytes]) -> bool:
        """Send what the session wants sent; True where the socket takes no more for now."""
        while self._session.send:
            try:
                sock.send_multipart(encode(self._session.send[0]), zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return True
            self._session.send.popleft()
        return False

    def _wait(self, sock: zmq.Socket[bytes], blocked: bool) -> None:
        assert self._wake_out is not None and self._handshakes is not None
        poller = zmq.Poller()
        poller.register(self._handshakes.socket, zmq.POLLIN)
        poller.register(sock, zmq.POLLIN | (zmq.POLLOUT if blocked else 0))
        poller.register(self._wake_out, zmq.POLLIN)
        poller.poll(1 + int(self._session.wake_in() * 1e3))
        with contextlib.suppress(BlockingIOError):
            self._wake_out.recv(4096)

    def _hear_refusal(self) -> None:
        refusal = None if self._handshakes is None else self._handshakes.read()
        if refusal is not None:
            self._answer(self._session.fail(refusal))
            self._greeted()

    def _read(self, sock: zmq.Socket[bytes]) -> None:
        while True:
            try:
                parts = sock.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            try:
                message = decode_server([part.buffer for part in parts])
            except MessageInvalid as error:
                text = f"{self._address} does not answer as an elitscope server of this version does: {error}"
                self._answer(self._session.fail(ProtocolMismatch(text)))
                continue
            self._answer(self._session.receive(message))
        self._greeted()

    def _answer(self, answers: list[Answer]) -> None:
        for answer in answers:
            future = self._futures.pop(answer.frame_id, None)
            if future is None or not future.set_running_or_notify_cancel():
                continue
            if isinstance(answer.outcome, ElitscopeError):
                future.set_exception(answer.outcome)
            else:
                future.set_result(answer.outcome)

    def _greeted(self) -> None:
        session = self._session
        if not self._greetings or (session.state is not State.OPEN and session.failure is None):
            return
        while self._greetings:
            future = self._greetings.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            if session.state is State.OPEN and session.welcome is not None:
                future.set_result(session.welcome)
            else:
                future.set_exception(session.failure or ServerGone("the server said nothing"))

    def _end(self, sock: zmq.Socket[bytes]) -> None:
        with self._lock:
            self._closing.set()
        self._session.close()
        with contextlib.suppress(zmq.ZMQError):
            self._flush(sock)
        self._close_socket(sock, _FAREWELL_MS)
        open_futures: list[Future[Any]] = [*self._futures.values(), *(future for _, future in self._inbox), *self._greetings]
        for future in open_futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(ServerGone("the client was closed before the answer came"))
