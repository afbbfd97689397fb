"""The gate that every request comes through: who is it, may they come in, not too often and with not too much at once.

Nothing behind it is reachable without a key once there are keys, whatever route somebody adds; what a key may do is asked by the routes
themselves (`callers.py`). `/healthz` and the console's own files alone are open, and `/v1/sign-in` reads the token from the body.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elitscope.errors import NotAuthorised
from elitscope_service.access.key import ApiKey
from elitscope_service.access.keyring import Keyring, Keys, no_keys
from elitscope_service.api import cookies
from elitscope_service.api.allowance import Allowance
from elitscope_service.api.callers import AUTHOR_HEADER, ROLE_HEADER, Caller, named_caller
from elitscope_service.api.cookies import Cookies
from elitscope_service.api.hosts import READING
from elitscope_service.api.problems import ProblemError, problem_response
from elitscope_service.config import Limits

OPEN = ("/healthz", "/")
OPEN_FOLDER = "/assets/"
"""Of the console, which has to be there before anybody can sign in with it; nothing in it is about this server."""
SIGN_IN = "/v1/sign-in"
UPLOADS = "/v1/ensembles"
POLICY_VIOLATION = 1008
ANSWER_MESSAGES = 2
"""The head of an HTTP answer, and its body, or the first part of it."""
_CHANGED_STREAM = re.compile(r"/v1/streams/(?P<stream>[^/]+)(?:/|$)")


@dataclass(frozen=True)
class Doors:
    """What is decided by at the gate. The default is a server without keys. `names`, `numbers`: see `KnownHosts`."""

    keys: Keys = no_keys
    names: tuple[str, ...] = ()
    numbers: bool = False
    cookies: Cookies = field(default_factory=lambda: Cookies(b""))
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class Gate:
    """Middleware; leaves the `Caller` in the request's state."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app = app
        self._doors = doors
        self._allowance = Allowance(doors.limits.requests_per_s, doors.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            key_id = self._let_in(scope, headers)
            within = self._within(scope, headers, receive)
        except ProblemError as problem:
            response = problem_response(problem.status, problem.code, problem.detail, scope["path"], problem.headers)
            await response(scope, receive, send)
            return
        with contextlib.suppress(_KeyEnded):
            await self._app(scope, within, send if key_id is None else self._while_valid(key_id, send))

    def _while_valid(self, key_id: str, send: Send) -> Send:
        """`send`, until the key ends: what a listener is told goes on for hours, and a key can be revoked meanwhile.

        An answer that has begun with its first bytes within the key's time is whole in them, unless it is such a stream.
        """
        sent = 0

        async def guarded(message: Message) -> None:
            nonlocal sent
            sent += 1
            if sent <= ANSWER_MESSAGES and message["type"].startswith("http."):
                await send(message)
                return
            try:
                self._doors.keys().by_id(key_id, self._doors.wall())
            except NotAuthorised as error:
                if message["type"].startswith("websocket."):
                    await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(error)[:120]})
                else:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _KeyEnded(str(error)) from error
            await send(message)

        return guarded

    def _let_in(self, scope: Scope, headers: Headers) -> str | None:
        """Note who asks; the id of their key, if they have one."""
        address = (scope.get("client") or ("",))[0]
        refusal = caller = key_id = None
        try:
            caller, key_id = self._caller(scope, headers)
        except ProblemError as problem:
            refusal = problem
        wait_s = self._allowance.wait_s(key_id or f"from {address}")
        if wait_s:
            detail = f"more than {self._doors.limits.requests_per_s:g} requests a second: wait for {wait_s:.2f} s (limits.requests_per_s)"
            raise ProblemError(429, "rate_limited", detail, {"Retry-After": str(math.ceil(wait_s))})
        if refusal is not None:
            raise refusal
        scope.setdefault("state", {})["caller"] = caller
        return key_id

    def _caller(self, scope: Scope, headers: Headers) -> tuple[Caller | None, str | None]:
        """Who asks, and the id of their key."""
        ring = self._doors.keys()
        if not ring.required:
            return named_caller(headers.get(AUTHOR_HEADER), headers.get(ROLE_HEADER)), None
        if scope["path"] == SIGN_IN:
            return None, None
        key = self._key(ring, scope, headers)
        reads = scope["type"] == "websocket" or scope["method"] in READING
        changed = None if reads else _CHANGED_STREAM.match(scope["path"])
        if changed is not None and not key.may_use(changed["stream"]):
            detail = f"key {key.name!r} may change {', '.join(key.streams or ())} alone, not stream {changed['stream']!r}"
            raise ProblemError(403, "not_authorised", detail)
        return Caller(key.name, key.role, key.scopes), key.id

    def _key(self, ring: Keyring, scope: Scope, headers: Headers) -> ApiKey:
        now = self._doors.wall()
        if not ring.known:
            raise ProblemError(503, "store_unavailable", "the keys can't be read, so nobody can be let in: is the store running?")
        kind, _, token = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(cookies.NAME)
        try:
            if kind.lower() == "bearer":
                return ring.by_token(token.strip(), now)
            if cookie is not None:
                key = ring.by_id(self._doors.cookies.read(cookie, now), now)
                if scope.get("method") not in READING and "origin" not in headers:
                    raise ProblemError(
                        403, "host_not_allowed", "a change by cookie has to say its Origin, as browsers do: use a bearer token"
                    )
                return key
        except NotAuthorised as error:
            raise _not_signed_in(str(error)) from error
        raise _not_signed_in("this needs a key: send its token as `Authorization: Bearer TOKEN`, or sign in with POST /v1/sign-in")

    def _within(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """`receive`, with an end to it."""
        uploads = scope["path"] == UPLOADS and scope.get("method") == "POST"
        name = "upload_bytes" if uploads else "body_bytes"
        most: int = getattr(self._doors.limits, name)
        announced = headers.get("content-length", "0")
        detail = f"the body is over {most} bytes (limits.{name})"
        if announced.isdecimal() and int(announced) > most:
            raise ProblemError(413, "too_large", detail)
        left = most

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if left < 0:
                raise HTTPException(413, detail)
            return message

        return limited


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDER)


class _KeyEnded(OSError):
    """To whoever is sending: as if the peer had gone."""


def _not_signed_in(detail: str) -> ProblemError:
    return ProblemError(401, "not_signed_in", detail, {"WWW-Authenticate": 'Bearer realm="elitscope"'})
