"""A server on a real socket whose every answer a test decides; it can be stopped and started again on the same port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import zmq

from elitscope import codec
from elitscope.messages import Bye, FrameMessage, Hello, Limits, Ping, Pong, Reject, ResultMessage, Welcome
from elitscope.types import Result, Timing

Script = Callable[[Any], Iterable[Any]]


def analysed(message: FrameMessage) -> ResultMessage:
    """A result whose mean map is the frame itself."""
    mean = message.pixels[None].astype(np.float32)
    result = Result(
        message.frame_id,
        message.stream,
        message.frame_id,
        "echo",
        "1",
        (0,),
        0,
        "plan",
        ("C",),
        message.info.sampling,
        (),
        Timing(),
        mean=mean,
    )
    return ResultMessage(result)


class ScriptedServer:
    """Answers as `script` says; by default politely. `script(message)` gives messages, or None to answer politely."""

    def __init__(
        self, script: Callable[[Any], Iterable[Any] | None] = lambda message: None, limits: Limits | None = None, epoch: str = "e1"
    ) -> None:
        self.received: list[Any] = []
        self.epoch = epoch
        self._greeted: set[str] = set()
        self._script, self._limits = script, limits or Limits(credit_frames=4)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._endpoint = "tcp://127.0.0.1:*"

    @property
    def address(self) -> str:
        return self._endpoint

    def start(self) -> ScriptedServer:
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        self._bind(socket)
        self._endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._stop.clear()
        self._greeted.clear()
        self._thread = threading.Thread(target=self._serve, args=(socket,))
        self._thread.start()
        return self

    def _bind(self, socket: zmq.Socket[bytes]) -> None:
        """Bind; on a restart libzmq may still be closing the old socket of this port."""
        for attempt in range(3000):
            try:
                socket.bind(self._endpoint)
                return
            except zmq.ZMQError:
                if attempt == 2999:
                    socket.close()
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def __enter__(self) -> ScriptedServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._context.term()

    def _serve(self, socket: zmq.Socket[bytes]) -> None:
        with socket:
            while not self._stop.is_set():
                if not socket.poll(20):
                    continue
                route, *parts = socket.recv_multipart()
                message = codec.decode_client(parts)
                self.received.append(message)
                replies = self._script(message)
                for reply in self._politely(message) if replies is None else replies:
                    raw = reply if isinstance(reply, list) else codec.encode(reply)
                    socket.send_multipart([route, *raw])

    def _politely(self, message: Any) -> list[Any]:
        if isinstance(message, Hello):
            self._greeted.add(message.session)
            return [Welcome(self.epoch, "scripted", self._limits)]
        if message.session not in self._greeted:
            return [Reject(getattr(message, "frame_id", None), "", "session_unknown", "send HELLO first")]
        if isinstance(message, Ping):
            return [Pong(self.epoch, message.token)]
        if isinstance(message, Bye):
            return []
        return [analysed(message)]
