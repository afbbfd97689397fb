"""The acquisition script's side: frames in, results out."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Optional, Union

import numpy as np

from elitscope.codec import encode, is_stream_name, wire_pixels
from elitscope.connection import Connection, Reply
from elitscope.curve import KeyLike, as_key
from elitscope.errors import FrameInvalid
from elitscope.messages import POLICIES, FrameMessage, Limits, Welcome
from elitscope.session import Timings
from elitscope.types import USUAL_OUTPUTS, FrameInfo, Rejection, Result, SamplingLike, as_sampling, parse_outputs
from elitscope.version import __version__

FrameLike = Union[np.ndarray, "tuple[np.ndarray, FrameInfo]"]

DEFAULT_SERVER = "tcp://127.0.0.1:5555"
_NO_SESSION = "0" * 32
_STOP_PATIENCE = 2.0


class FrameWriter:
    """Turns what a user hands over into `FrameMessage`s: numbering, checks, defaults. Shared by both clients."""

    def __init__(self, stream: str, outputs: Iterable[str], deadline_ms: Optional[float], policy: str) -> None:
        if not is_stream_name(stream):
            raise ValueError(f"stream {stream!r} must match [a-z0-9][a-z0-9_.-]{{0,63}}: lower case, no blanks, at most 64 characters")
        if policy not in POLICIES:
            raise ValueError(f"policy {policy!r} must be one of {', '.join(POLICIES)}")
        if deadline_ms is not None and not deadline_ms > 0:
            raise ValueError(f"deadline_ms {deadline_ms!r} must be a positive number of milliseconds")
        self._stream, self._outputs, self._deadline_ms, self._policy = stream, parse_outputs(outputs), deadline_ms, policy
        self._ids = itertools.count()

    def write(self, frame: FrameLike, sampling: SamplingLike = None) -> FrameMessage:
        """The message for one frame, which shares the pixels' memory where it can.

        Raises:
            FrameInvalid: the pixels or what is said of them can't be sent.
        """
        return self._write(next(self._ids), frame, sampling, copy=False)

    def submit(self, connection: Connection, frame: FrameLike, sampling: SamplingLike) -> Future[Reply]:
        """Send a frame of a stream, copied; one that can't be sent is answered with a rejection here, so that the stream goes on."""
        frame_id = next(self._ids)
        try:
            return connection.submit(self._write(frame_id, frame, sampling, copy=True))
        except FrameInvalid as error:
            rejected: Future[Reply] = Future()
            rejected.set_result(Rejection(frame_id, self._stream, error.code, str(error)))
            return rejected

    def _write(self, frame_id: int, frame: FrameLike, sampling: SamplingLike, copy: bool) -> FrameMessage:
        pixels, info = frame if isinstance(frame, tuple) else (frame, FrameInfo())
        array = wire_pixels(pixels)
        given = as_sampling(sampling)
        message = FrameMessage(
            session=_NO_SESSION,
            frame_id=frame_id,
            stream=self._stream,
            pixels=array.copy() if copy and np.may_share_memory(array, pixels) else array,
            info=info if given is None else replace(info, sampling=given),
            outputs=self._outputs,
            deadline_ms=self._deadline_ms,
            policy=self._policy,
        )
        encode(message)
        return message


class Client:
    """A stream of frames to one server.

    ```python
    with Client("tcp://gpu-box:5555", stream="haadf") as client:
        result = client.infer(frame, sampling=0.12)
        for reply in client.stream(frames, sampling=0.12):
            ...
    ```

    Args:
        server: ZeroMQ address, `tcp://host:port`.
        stream: the name under which the server keeps this stream's selection of networks and its figures: `[a-z0-9][a-z0-9_.-]{0,63}`.
        outputs: what comes back: any of "mean", "std", "atoms", "hotspots", "members"; by default all but the last.
        deadline_ms: a frame that has no answer after so long is rejected (`deadline_exceeded`) instead of coming late.
        policy: "all" analyses every frame; "latest" lets a newer frame supersede one that still waits.
        timeout: seconds of silence after which a server counts as gone. A restart of the server in between is ridden out: frames that were
            not answered are sent again, none is analysed twice.
        key: for a server that asks for one: the path of a key file, or what was read from it (`elitscope.keyfile.KeyFile`).

    It may be used from several threads. Pixels handed to `infer` must not be changed before it returns; `stream` copies them.

    Raises:
        ValueError: an argument out of its range. OSError: the key file can't be read.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        stream: str = "main",
        outputs: Iterable[str] = USUAL_OUTPUTS,
        deadline_ms: Optional[float] = None,
        policy: str = "all",
        timeout: float = 20.0,
        key: KeyLike = None,
    ) -> None:
        self._writer = FrameWriter(stream, outputs, deadline_ms, policy)
        self._connection = Connection(server, f"elitscope-python/{__version__}", Timings(give_up=timeout), as_key(key))

    def __enter__(self) -> Client:
        self._connection.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye and release the socket and its thread."""
        self._connection.close()

    def connect(self) -> Welcome:
        """Wait for the server and return what it says of itself: limits, and the ensemble that a new stream starts with.

        Raises:
            ServerGone: nothing was heard for `timeout`. ProtocolMismatch: the peer is no server of this version. NotAuthorised: it asks for
                another key, or for one at all.
        """
        return self._connection.greet().result()

    def infer(self, frame: Any, sampling: SamplingLike = None, info: Optional[FrameInfo] = None) -> Result:
        """Analyse one frame.

        Args:
            frame: [row, column], any real dtype.
            sampling: Å/px, one number or (row, column); unknown where None.
            info: what else the microscope knows; `sampling` wins over the one in there.

        Raises:
            FrameInvalid, Overloaded, DeadlineExceeded, Superseded, NotAuthorised, ServerGone, ...: see `elitscope.errors`.
        """
        reply = self._connection.submit(self._writer.write((frame, info or FrameInfo()), sampling)).result()
        if isinstance(reply, Rejection):
            reply.raise_()
        return reply  # type: ignore[return-value]

    def stream(self, frames: Iterable[FrameLike], sampling: SamplingLike = None, raise_rejections: bool = False) -> Iterator[Reply]:
        """Analyse many frames, pipelined: one `Result` or `Rejection` for each, in their order, as soon as it is there.

        `frames`: 2-D arrays or pairs (array, `FrameInfo`). They are taken in a thread of their own as the server's credit allows, so that
        a source that waits for the microscope holds up no reply.

        Raises:
            ServerGone: the server is gone; with `raise_rejections` also what a rejection stands for. A frame that can't be sent (its
            dtype, its shape) is answered with a rejection too.
        """
        order: queue.SimpleQueue[Union[Future[Reply], BaseException, None]] = queue.SimpleQueue()
        stop = threading.Event()
        window = threading.Semaphore(self._window())
        feeder = threading.Thread(target=self._feed, args=(frames, sampling, order, window, stop), name="elitscope-feeder", daemon=True)
        feeder.start()
        try:
            while (entry := order.get()) is not None:
                if isinstance(entry, BaseException):
                    raise entry
                reply = entry.result()
                window.release()
                if raise_rejections and isinstance(reply, Rejection):
                    reply.raise_()
                yield reply
        finally:
            stop.set()
            window.release()
            feeder.join(_STOP_PATIENCE)

    def _window(self) -> int:
        welcome = self._connection.welcome
        return (Limits() if welcome is None else welcome.limits).credit_frames + 1

    def _feed(
        self,
        frames: Iterable[FrameLike],
        sampling: SamplingLike,
        order: queue.SimpleQueue[Union[Future[Reply], BaseException, None]],
        window: threading.Semaphore,
        stop: threading.Event,
    ) -> None:
        try:
            for frame in frames:
                window.acquire()
                if stop.is_set():
                    return
                order.put(self._writer.submit(self._connection, frame, sampling))
            order.put(None)
        except BaseException as error:  # noqa: BLE001 - whatever the caller's source raises belongs to the caller
            order.put(error)
