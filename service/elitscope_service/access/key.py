"""One key, as it is kept: what its holder may do, and hashes and public halves alone of what proves that they hold it.

A token is 256 random bits, so nobody can guess it or try all of them, and one round of SHA-256 hides it for good. The slow, salted hashes
that passwords need (they can be guessed) would only make every request slow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from elitscope.codec import is_stream_name
from elitscope_service.selection import AUTOPILOT, SERVER
from elitscope_service.store.documents import Document, Role

Scope = Literal["read", "operate", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "operate", "admin")
"""Each includes those before it."""

RESERVED = (SERVER, AUTOPILOT)
"""Names that no key can have."""

TOKEN_PREFIX = "elit"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@+-]{0,62}[A-Za-z0-9._@+-])?")
_TOKEN = re.compile(rf"{TOKEN_PREFIX}_(?P<key_id>[0-9a-f]{{16}})_[A-Za-z0-9_-]{{43}}")

RandomBytes = Callable[[int], bytes]


class ApiKey(Document):
    """A key. Times are Unix seconds; `streams` None: any. Revoked ones stay: the audit log names them, and nobody gets their name again."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    name: str
    role: Role = "operator"
    scope: Scope = "read"
    streams: tuple[str, ...] | None = None
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    token_sha256: str = Field(repr=False)
    curve_public: str | None = Field(default=None, description="Z85, 40 characters; None: this key does not open ZeroMQ")

    @property
    def scopes(self) -> frozenset[Scope]:
        """What it may do: its scope and those that this includes.

        >>> sorted(make_key("ana", created_at=0.0, scope="operate")[0].scopes)
        ['operate', 'read']
        """
        return frozenset(SCOPES[: SCOPES.index(self.scope) + 1])

    def state(self, now: float) -> Literal["valid", "expired", "revoked"]:
        """Whether it counts at `now`; from the moment of its expiry on it does not."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "valid"

    def may_use(self, stream: str) -> bool:
        """Whether it may send frames to the stream, and change it."""
        return self.streams is None or stream in self.streams

    def matches(self, token: str) -> bool:
        """Whether this is the key's token; takes as long whatever the token is."""
        return hmac.compare_digest(self.token_sha256, token_hash(token))


def make_key(
    name: str,
    created_at: float,
    scope: Scope = "read",
    role: Role = "operator",
    streams: tuple[str, ...] | None = None,
    expires_at: float | None = None,
    curve_public: str | None = None,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is nowhere else.

    Raises:
        ValueError: a name or a stream that can't be one, or an expiry in the past.
    """
    if not is_name(name):
        raise ValueError(f"{name!r} is no name: 1 to 64 of the characters A-Z a-z 0-9 . _ @ + - and blanks between them")
    if name in RESERVED:
        raise ValueError(f"{name!r} is what the audit calls a part of the server: choose another name")
    for stream in streams or ():
        if not is_stream_name(stream):
            raise ValueError(f"stream {stream!r} must match [a-z0-9][a-z0-9_.-]{{0,63}}")
    if expires_at is not None and expires_at <= created_at:
        raise ValueError("the key would have expired already: give a time to come")
    key_id = random_bytes(8).hex()
    token = f"{TOKEN_PREFIX}_{key_id}_{_urlsafe(random_bytes(32))}"
    key = ApiKey(
        id=key_id,
        name=name,
        role=role,
        scope=scope,
        streams=streams,
        created_at=created_at,
        expires_at=expires_at,
        token_sha256=token_hash(token),
        curve_public=curve_public,
    )
    return key, token


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def token_key_id(token: str) -> str | None:
    """The id of the key that a token claims to be of; None where it is of another form.

    >>> token_key_id("elit_0123456789abcdef_" + "x" * 43), token_key_id("elit_0123456789abcdef_x")
    ('0123456789abcdef', None)
    """
    found = _TOKEN.fullmatch(token)
    return None if found is None else found["key_id"]


def is_name(text: str) -> bool:
    """Whether a key, or somebody who calls without one, can be called so: it ends up in logs, files and pages.

    >>> is_name("ana@lab-2"), is_name("Ana Silva"), is_name("ana\\r\\n"), is_name(""), is_name("a" * 65)
    (True, True, False, False, False)
    """
    return _NAME.fullmatch(text) is not None


def _urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
