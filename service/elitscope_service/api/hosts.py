"""On loopback, only pages and programs of this computer may ask.

A web page elsewhere can point a name of its own at 127.0.0.1 (DNS rebinding) or simply send requests here; its `Host` or `Origin` gives
it away.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from elitscope_service.addresses import is_loopback
from elitscope_service.api.problems import problem_response


class LoopbackOnly:
    """Middleware that refuses requests whose `Host` or `Origin` is not this computer's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            for name, value in (("Host", headers.get("host", "")), ("Origin", headers.get("origin"))):
                if value is not None and not names_this_computer(value):
                    detail = f"{name} {value[:80]!r} is not this computer: this server answers on loopback alone, http://127.0.0.1 say"
                    response = problem_response(403, "host_not_allowed", detail, scope["path"])
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def names_this_computer(value: str) -> bool:
    """Whether a `Host` or `Origin` header names loopback, with any port.

    >>> [names_this_computer(value) for value in ("127.0.0.1:8000", "http://localhost", "[::1]:80")]
    [True, True, True]
    >>> [names_this_computer(value) for value in ("evil.example", "127.0.0.1.evil.example", "null", "")]
    [False, False, False, False]
    """
    try:
        host = urlsplit(value if "//" in value else f"//{value}").hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)
