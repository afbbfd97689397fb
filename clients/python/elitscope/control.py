"""The REST API from Python: `Controller`, and `AsyncController` for asyncio, with the same methods.

`elitscope.rest` describes every call once; the two differ only in how they wait.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Optional, TypeVar, Union

import httpx

from elitscope.rest import answers, calls
from elitscope.rest.asking import Asking, unreachable
from elitscope.rest.event_stream import EventReader
from elitscope.rest.methods import awaits, waits
from elitscope.rest.records import ServerEvent
from elitscope.rest.requests import Request, Steps, common_headers

T = TypeVar("T")
Verify = Union[bool, str, Path, ssl.SSLContext]

DEFAULT_HTTP = "http://127.0.0.1:8000"
EVENTS = "/v1/events"
CONNECT_S, SILENCE_S = 5.0, 60.0
_THIS_COMPUTER = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""What no proxy that the environment names can reach."""

__all__ = ["DEFAULT_HTTP", "AsyncController", "Controller"]


class Controller:
    """A server's REST API: what it has, and which networks analyse a stream. A change holds from the next frame on.

    ```python
    with Controller("http://gpu-box:8000", token="...") as control:
        control.deselect("haadf", [3, 7], reason="fog")
        print(control.selection("haadf").active)
    ```

    Args:
        address: `http://host:port` or `https://host:port`. Proxies that the environment names (HTTP_PROXY, NO_PROXY) are used, but not for
            this computer.
        token: bearer token, where the server asks for one; else what ELITSCOPE_TOKEN says.
        timeout: seconds to wait for an answer; a change whose connection breaks is asked for again meanwhile, and never made twice.
        verify: for https: False, or a file with the certificates to trust, or an SSL context.
        author: who stands in the audit, on a server without keys: user@host by default.
        role: "operator" (a person) or "controller" (a program, which an operator's hold keeps out), on a server without keys.
        transport: how requests travel; tests put a server in the same process here.

    Raises: ValueError for an address of another form.

    Every method raises: ServerGone where nobody answers; NotAuthorised; OutcomeUnknown where nobody can say whether a change was made;
    otherwise what the server's problem document says, as one of `elitscope.errors` with its `code`.
    """

    def __init__(
        self,
        address: str = DEFAULT_HTTP,
        *,
        token: Optional[str] = None,
        timeout: float = 30.0,
        verify: Verify = True,
        author: Optional[str] = None,
        role: str = "operator",
        transport: Optional[httpx.BaseTransport] = None,
    ) -> None:
        self._address, self._timeout = address.rstrip("/"), timeout
        options = _options(self._address, token, timeout, verify, author, role)
        self._http = httpx.Client(transport=transport, **options)

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    status = waits(calls.status)
    ensembles = waits(calls.ensembles)
    streams = waits(calls.streams)
    selection = waits(calls.selection)
    members = waits(calls.members)
    deselect = waits(calls.deselect)
    select = waits(calls.select)
    only = waits(calls.only)
    use = waits(calls.use)
    undo = waits(calls.undo)
    hold = waits(calls.hold)
    release = waits(calls.release)
    autopilot = waits(calls.autopilot)
    drift = waits(calls.drift)
    recommendation = waits(calls.recommendation)
    history = waits(calls.history)
    load = waits(calls.load)
    unload = waits(calls.unload)
    upload = waits(calls.upload)
    delete = waits(calls.delete)

    def events(self, stream: Optional[str] = None, after: Optional[str] = None) -> Iterator[ServerEvent]:
        """What happens at the server, as it happens: changes of selections, ensembles, streams. It goes on for ever.

        The first event is `open`: from then on nothing is missed, so read then what you depend on. `after`: the `id` of the last event that
        you have; an event `missed` comes first where what followed it is no longer kept.

        Raises:
            ServerGone: the connection ended; `after` goes on from where it did.
        """
        reader = EventReader()
        try:
            with self._http.stream("GET", EVENTS, **_listening(stream, after)) as response:
                if not response.is_success:
                    response.read()
                    raise answers.problem(response)
                for line in response.iter_lines():
                    event = reader.feed(line)
                    if event is not None:
                        yield event
        except httpx.HTTPError as error:
            raise unreachable(self._address, error) from error
        raise unreachable(self._address, httpx.ReadError("it ended the stream of events"))

    def make(self, steps: Steps[T]) -> T:
        """Drive a call to its end."""
        try:
            request = next(steps)
            while True:
                request = steps.send(self._answer(request.with_key()))
        except StopIteration as end:
            result: T = end.value
            return result

    def _answer(self, request: Request) -> httpx.Response:
        asking = Asking(request, self._address, self._timeout, time.monotonic)
        while True:
            try:
                response = self._http.request(**_arguments(request, self._timeout))
                pause = asking.answered(response)
            except httpx.HTTPError as error:
                pause = asking.failed(error)
            if pause is None:
                return response
            time.sleep(pause)


class AsyncController:
    """`Controller` for asyncio: the same arguments, methods, results and errors.

    ```python
    async with AsyncController("http://gpu-box:8000") as control:
        await control.deselect("haadf", [3, 7], reason="fog")
    ```
    """

    def __init__(
        self,
        address: str = DEFAULT_HTTP,
        *,
        token: Optional[str] = None,
        timeout: float = 30.0,
        verify: Verify = True,
        author: Optional[str] = None,
        role: str = "operator",
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        self._address, self._timeout = address.rstrip("/"), timeout
        options = _options(self._address, token, timeout, verify, author, role)
        self._http = httpx.AsyncClient(transport=transport, **options)

    async def __aenter__(self) -> AsyncController:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connections."""
        await self._http.aclose()

    status = awaits(calls.status)
    ensembles = awaits(calls.ensembles)
    streams = awaits(calls.streams)
    selection = awaits(calls.selection)
    members = awaits(calls.members)
    deselect = awaits(calls.deselect)
    select = awaits(calls.select)
    only = awaits(calls.only)
    use = awaits(calls.use)
    undo = awaits(calls.undo)
    hold = awaits(calls.hold)
    release = awaits(calls.release)
    autopilot = awaits(calls.autopilot)
    drift = awaits(calls.drift)
    recommendation = awaits(calls.recommendation)
    history = awaits(calls.history)
    load = awaits(calls.load)
    unload = awaits(calls.unload)
    upload = awaits(calls.upload)
    delete = awaits(calls.delete)

    async def events(self, stream: Optional[str] = None, after: Optional[str] = None) -> AsyncIterator[ServerEvent]:
        """As `Controller.events`."""
        reader = EventReader()
        try:
            async with self._http.stream("GET", EVENTS, **_listening(stream, after)) as response:
                if not response.is_success:
                    await response.aread()
                    raise answers.problem(response)
                async for line in response.aiter_lines():
                    event = reader.feed(line)
                    if event is not None:
                        yield event
        except httpx.HTTPError as error:
            raise unreachable(self._address, error) from error
        raise unreachable(self._address, httpx.ReadError("it ended the stream of events"))

    async def make(self, steps: Steps[T]) -> T:
        """Drive a call to its end."""
        try:
            request = next(steps)
            while True:
                request = steps.send(await self._answer(request.with_key()))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _answer(self, request: Request) -> httpx.Response:
        asking = Asking(request, self._address, self._timeout, time.monotonic)
        while True:
            try:
                response = await self._http.request(**_arguments(request, self._timeout))
                pause = asking.answered(response)
            except httpx.HTTPError as error:
                pause = asking.failed(error)
            if pause is None:
                return response
            await asyncio.sleep(pause)


def _listening(stream: Optional[str], after: Optional[str]) -> dict[str, Any]:
    """What a listener to events asks with; the server says something every 15 s."""
    headers = {"Accept": "text/event-stream", **({} if after is None else {"Last-Event-ID": after})}
    params = {} if stream is None else {"stream": stream}
    return {"headers": headers, "params": params, "timeout": httpx.Timeout(SILENCE_S, connect=CONNECT_S)}


def _options(address: str, token: Optional[str], timeout: float, verify: Verify, author: Optional[str], role: str) -> dict[str, Any]:
    """What both HTTP clients are made with."""
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"address {address!r} of the REST API can't be used: write it as http://host:8000, or https://")
    token = token if token is not None else os.environ.get("ELITSCOPE_TOKEN")
    trusted = ssl.create_default_context(cafile=str(verify)) if isinstance(verify, (str, Path)) else verify
    return {"base_url": address, "headers": common_headers(token, author, role), "verify": trusted, "mounts": dict.fromkeys(_THIS_COMPUTER)}


def _arguments(request: Request, timeout: float) -> dict[str, Any]:
    """A request in httpx's words."""
    limit = httpx.Timeout(timeout + request.patience_s, connect=min(CONNECT_S, timeout))
    body = {name: value for name, value in (("json", request.json), ("content", request.content)) if value is not None}
    return {"method": request.method, "url": request.path, "params": request.params, "headers": request.headers, "timeout": limit, **body}
