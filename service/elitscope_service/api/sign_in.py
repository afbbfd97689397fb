"""Signing in and out with a browser: a token for a cookie; and who that makes one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from elitscope.errors import NotAuthorised
from elitscope_service.access.key import Scope
from elitscope_service.api.callers import Reader
from elitscope_service.api.gate import SIGN_IN, Doors
from elitscope_service.api.problems import ProblemError, coded, documented
from elitscope_service.store.documents import Role

router = APIRouter(tags=["sign-in"])


class Token(BaseModel):
    """A key's token."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=256, description="As `elitscope-server keys create` showed it", examples=["elit_0123456789abcdef_..."])


class SignedIn(BaseModel):
    """Who signed in, and what they may do."""

    name: str
    role: Role
    scopes: list[Scope]


class Asking(SignedIn):
    """Who asks."""

    keys: bool = Field(description="Whether keys are needed here; without them a caller is who they say they are")


@router.get("/v1/caller", responses=documented(422), summary="Who is asking, and what they may do")
async def read_caller(request: Request, response: Response, who: Reader) -> Asking:
    """For programs that show what can be done: a page can't read its cookie."""
    response.headers["Cache-Control"] = "no-store"
    doors: Doors = request.app.state.doors
    return Asking(name=who.name, role=who.role, scopes=sorted(who.scopes), keys=doors.keys().required)


@router.post(SIGN_IN, responses=documented(422, 503), summary="Exchange a token for a cookie")
async def sign_in(body: Token, request: Request, response: Response) -> SignedIn:
    """The cookie is good for twelve hours, or until the key expires or is revoked."""
    doors: Doors = request.app.state.doors
    ring, now = doors.keys(), doors.wall()
    if not ring.required:
        raise coded("request_invalid", "there are no keys here, so nobody has to sign in")
    if not ring.known:
        raise ProblemError(503, "store_unavailable", "the keys can't be read, so nobody can be let in: is the store running?")
    try:
        key = ring.by_token(body.token.strip(), now)
    except NotAuthorised as error:
        raise ProblemError(401, "not_signed_in", str(error)) from error
    page = request.headers.get("origin") or str(request.url)
    doors.cookies.give(response, key, now, secure=page.startswith("https://"))
    return SignedIn(name=key.name, role=key.role, scopes=sorted(key.scopes))


@router.post("/v1/sign-out", status_code=204, summary="Give the cookie back")
async def sign_out(request: Request, response: Response) -> None:
    doors: Doors = request.app.state.doors
    doors.cookies.take(response)
