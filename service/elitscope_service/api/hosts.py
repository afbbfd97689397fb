"""Which names this server answers to, and which pages may press something here.

A web page elsewhere can point a name of its own at this computer (DNS rebinding) or simply send requests here; its `Host` or `Origin` gives
it away. On loopback only names of this computer are answered to. Where keys are needed, numbers and the configured names are too: then a
page that came by another name has no key either.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from elitscope_service.addresses import is_loopback, is_number
from elitscope_service.api.problems import problem_response

READING = ("GET", "HEAD", "OPTIONS")


class KnownHosts:
    """Middleware that refuses requests whose `Host` or `Origin` is not this server's, and changes from another origin.

    Args:
        names: what the server is called beside loopback, lower case.
        numbers: whether any IP number will do; only where keys are needed.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = (), numbers: bool = False) -> None:
        self._app = app
        self._names = frozenset(names)
        self._numbers = numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            trouble = self._trouble(scope.get("method"), headers.get("host", ""), headers.get("origin"))
            if trouble:
                await problem_response(403, "host_not_allowed", trouble, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _trouble(self, method: str | None, host: str, origin: str | None) -> str:
        """Why the request is refused; empty where it is not. `method` None: a WebSocket."""
        for name, value in (("Host", host), ("Origin", origin)):
            if value is not None and not self.knows(value):
                also = "" if not self._numbers else "; other names of it are set by host_names"
                return f"{name} {value[:80]!r} is not this server: it answers to 127.0.0.1 and localhost{also}"
        if origin is not None and method not in READING and urlsplit(origin).netloc.lower() != host.lower():
            return f"Origin {origin[:80]!r} is another page than {host[:80]!r}, which alone may change anything here"
        return ""

    def knows(self, value: str) -> bool:
        """Whether a `Host` or `Origin` header names this server, with any port.

        >>> local = KnownHosts(None)
        >>> [local.knows(value) for value in ("127.0.0.1:8000", "http://localhost", "[::1]:80")]
        [True, True, True]
        >>> [local.knows(value) for value in ("evil.example", "127.0.0.1.evil.example", "10.0.0.7", "null", "")]
        [False, False, False, False, False]
        >>> KnownHosts(None, ["gpu-box"]).knows("http://GPU-box:8000"), KnownHosts(None, numbers=True).knows("10.0.0.7:8000")
        (True, True)
        """
        try:
            host = urlsplit(value if "//" in value else f"//{value}").hostname
        except ValueError:
            return False
        return host is not None and (is_loopback(host) or host in self._names or (self._numbers and is_number(host)))
