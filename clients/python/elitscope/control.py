"""The REST API from Python: `Controller`, and `AsyncController` for asyncio, with the same methods.

Both send the same requests and read the answers with the same functions (`rest`); they differ only in how they wait.
"""

from __future__ import annotations

from typing import Optional

import httpx

from elitscope.rest import (
    ENSEMBLES,
    READY,
    STREAMS,
    Ensemble,
    ServerStatus,
    StreamFigures,
    headers,
    is_ready,
    read_ensembles,
    read_status,
    read_streams,
    unreachable,
)

DEFAULT_HTTP = "http://127.0.0.1:8000"

__all__ = ["DEFAULT_HTTP", "AsyncController", "Controller", "Ensemble", "ServerStatus", "StreamFigures"]


class Controller:
    """A server's REST API.

    ```python
    with Controller("http://gpu-box:8000", token="...") as control:
        print(control.status().ready)
    ```

    Args:
        address: `http://host:port`.
        token: bearer token, where the server asks for one.
        timeout: seconds to wait for an answer.
        transport: how requests travel; tests put a server in the same process here.

    Every method raises: ServerGone where nobody answers; NotAuthorised; otherwise what the server's problem document says, as one of
    `elitscope.errors` with its `code`.
    """

    def __init__(
        self,
        address: str = DEFAULT_HTTP,
        *,
        token: Optional[str] = None,
        timeout: float = 10.0,
        transport: Optional[httpx.BaseTransport] = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._http = httpx.Client(base_url=self._address, headers=headers(token), timeout=timeout, transport=transport)

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def status(self) -> ServerStatus:
        """Whether the server is ready, its ensembles and streams. A server that answers "not ready" is a result, not an error."""
        ready = self._get(READY)
        if not is_ready(ready):
            return read_status(self._address, ready)
        return read_status(self._address, ready, self.ensembles(), self.streams())

    def ensembles(self) -> tuple[Ensemble, ...]:
        """Every ensemble that the server has found, in whatever state."""
        return read_ensembles(self._get(ENSEMBLES))

    def streams(self) -> tuple[StreamFigures, ...]:
        """Every stream that the server knows."""
        return read_streams(self._get(STREAMS))

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path)
        except httpx.HTTPError as error:
            raise unreachable(self._address, error) from error


class AsyncController:
    """`Controller` for asyncio: the same arguments, results and errors.

    ```python
    async with AsyncController("http://gpu-box:8000") as control:
        print((await control.status()).ready)
    ```
    """

    def __init__(
        self,
        address: str = DEFAULT_HTTP,
        *,
        token: Optional[str] = None,
        timeout: float = 10.0,
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self._address, headers=headers(token), timeout=timeout, transport=transport)

    async def __aenter__(self) -> AsyncController:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connections."""
        await self._http.aclose()

    async def status(self) -> ServerStatus:
        """As `Controller.status`."""
        ready = await self._get(READY)
        if not is_ready(ready):
            return read_status(self._address, ready)
        return read_status(self._address, ready, await self.ensembles(), await self.streams())

    async def ensembles(self) -> tuple[Ensemble, ...]:
        """As `Controller.ensembles`."""
        return read_ensembles(await self._get(ENSEMBLES))

    async def streams(self) -> tuple[StreamFigures, ...]:
        """As `Controller.streams`."""
        return read_streams(await self._get(STREAMS))

    async def _get(self, path: str) -> httpx.Response:
        try:
            return await self._http.get(path)
        except httpx.HTTPError as error:
            raise unreachable(self._address, error) from error
