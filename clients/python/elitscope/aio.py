"""`AsyncClient` and `AsyncController`: the same as `Client` and `Controller`, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from concurrent.futures import Future
from typing import Any, Optional, Union

from elitscope.client import DEFAULT_SERVER, FrameLike, FrameWriter
from elitscope.connection import Connection, Reply
from elitscope.control import AsyncController
from elitscope.curve import KeyLike, as_key
from elitscope.messages import Limits, Welcome
from elitscope.session import Timings
from elitscope.types import USUAL_OUTPUTS, FrameInfo, Rejection, Result, SamplingLike
from elitscope.version import __version__

__all__ = ["AsyncClient", "AsyncController"]


class AsyncClient:
    """A stream of frames to one server, for asyncio; arguments, results and errors are those of `elitscope.Client`.

    ```python
    async with AsyncClient("tcp://gpu-box:5555", stream="haadf") as client:
        result = await client.infer(frame, sampling=0.12)
        async for reply in client.stream(frames, sampling=0.12):
            ...
    ```
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
        self._connection = Connection(server, f"elitscope-python-asyncio/{__version__}", Timings(give_up=timeout), as_key(key))

    async def __aenter__(self) -> AsyncClient:
        self._connection.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye and release the socket and its thread."""
        await asyncio.get_running_loop().run_in_executor(None, self._connection.close)

    async def connect(self) -> Welcome:
        """Wait for the server and return what it says of itself. Raises as `Client.connect`."""
        return await asyncio.wrap_future(self._connection.greet())

    async def infer(self, frame: Any, sampling: SamplingLike = None, info: Optional[FrameInfo] = None) -> Result:
        """Analyse one frame; several may be awaited at once. Raises as `Client.infer`."""
        reply = await asyncio.wrap_future(self._connection.submit(self._writer.write((frame, info or FrameInfo()), sampling)))
        if isinstance(reply, Rejection):
            reply.raise_()
        return reply  # type: ignore[return-value]

    async def stream(
        self, frames: Union[Iterable[FrameLike], AsyncIterable[FrameLike]], sampling: SamplingLike = None, raise_rejections: bool = False
    ) -> AsyncIterator[Reply]:
        """Analyse many frames, pipelined: one `Result` or `Rejection` for each, in their order. `frames` may be an async iterable;
        a plain one must not block. Raises as `Client.stream`."""
        order: asyncio.Queue[Union[Future[Reply], BaseException, None]] = asyncio.Queue()
        welcome = self._connection.welcome
        window = asyncio.Semaphore((Limits() if welcome is None else welcome.limits).credit_frames + 1)
        feeder = asyncio.create_task(self._feed(frames, sampling, order, window))
        try:
            while (entry := await order.get()) is not None:
                if isinstance(entry, BaseException):
                    raise entry
                reply = await asyncio.wrap_future(entry)  # not before: nobody may be left to hear of a failure
                window.release()
                if raise_rejections and isinstance(reply, Rejection):
                    reply.raise_()
                yield reply
        finally:
            feeder.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeder

    async def _feed(
        self,
        frames: Union[Iterable[FrameLike], AsyncIterable[FrameLike]],
        sampling: SamplingLike,
        order: asyncio.Queue[Union[Future[Reply], BaseException, None]],
        window: asyncio.Semaphore,
    ) -> None:
        try:
            async for frame in _as_async(frames):
                await window.acquire()
                order.put_nowait(self._writer.submit(self._connection, frame, sampling))
            order.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - whatever the caller's source raises belongs to the caller
            order.put_nowait(error)


async def _as_async(frames: Union[Iterable[FrameLike], AsyncIterable[FrameLike]]) -> AsyncIterator[FrameLike]:
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
    else:
        for frame in frames:
            yield frame
            await asyncio.sleep(0)
