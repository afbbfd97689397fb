"""Who is calling, and what they may do.

Without keys, which is on loopback alone, a caller names itself in two headers and may do everything; with keys, name, role and scopes are
those of its key. What is here goes into the audit log. Routes say what they need by the type of an argument:

    @router.put("/v1/streams/{stream}/selection")
    async def change(stream: str, operator: Operator) -> ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from elitscope_service.access.key import SCOPES, Scope, is_name
from elitscope_service.api.problems import ProblemError
from elitscope_service.store.documents import Role

AUTHOR_HEADER, ROLE_HEADER = "X-Elitscope-Author", "X-Elitscope-Role"
ANONYMOUS = "anonymous"
EVERY_SCOPE = frozenset(SCOPES)


@dataclass(frozen=True)
class Caller:
    """Who asks for something. An `operator` is a person, a `controller` a program: a person's hold keeps it out."""

    name: str
    role: Role
    scopes: frozenset[Scope]


async def caller(connection: HTTPConnection) -> Caller:
    """The caller of a request or a WebSocket, as a dependency: whom the gate let in."""
    who: Caller = connection.state.caller
    return who


def named_caller(author: str | None, role: str | None) -> Caller:
    """A caller who says who they are.

    >>> named_caller("ana", None).role, named_caller(None, "controller").name
    ('operator', 'anonymous')

    Raises:
        ProblemError: 422 for a name or a role that can't be one.
    """
    name = ANONYMOUS if author is None else author
    if not is_name(name):
        detail = f"{AUTHOR_HEADER} {name[:80]!r} is no name: 1 to 64 of the characters A-Z a-z 0-9 . _ @ + - and blanks between them"
        raise ProblemError(422, "request_invalid", detail)
    match role:
        case None | "operator":
            return Caller(name, "operator", EVERY_SCOPE)
        case "controller":
            return Caller(name, "controller", EVERY_SCOPE)
    raise ProblemError(422, "request_invalid", f"{ROLE_HEADER} {role[:80]!r} is no role: say operator (a person) or controller (a program)")


def requires(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency: the caller, if it has the scope.

    Raises (when called): ProblemError: 403 where the caller's key does not have it.
    """

    async def allowed(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if scope not in who.scopes:
            has = ", ".join(sorted(who.scopes)) or "none"
            raise ProblemError(403, "not_authorised", f"this needs scope {scope!r}, and key {who.name!r} has {has}: use a key that has it")
        return who

    return allowed


Reader = Annotated[Caller, Depends(requires("read"))]
Operator = Annotated[Caller, Depends(requires("operate"))]
Admin = Annotated[Caller, Depends(requires("admin"))]
