"""The cookie of a signed-in browser, which can't put a header on event streams and WebSockets.

It names a key and a time, signed with what only this server knows: not the token itself, good for a working day at most, and void with
its key. Pages of other sites can't make a browser send it (SameSite=Strict), and scripts can't read it (HttpOnly).
"""

from __future__ import annotations

import hashlib
import hmac

from starlette.responses import Response

from elitscope.errors import NotAuthorised
from elitscope_service.access.key import ApiKey

NAME = "elitscope_key"
LASTS_S = 12 * 3600
_SIGN_IN = "sign in again: POST /v1/sign-in"


class Cookies:
    """Makes and reads cookies.

    Args:
        secret: known to this server alone, and the same after a restart.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def give(self, response: Response, key: ApiKey, now: float, secure: bool) -> None:
        """Have the browser keep a cookie for the key, until it expires. `secure`: to be sent by TLS only."""
        until = now + LASTS_S if key.expires_at is None else min(now + LASTS_S, key.expires_at)
        response.set_cookie(
            NAME, self.value(key.id, int(until)), max_age=max(0, int(until - now)), httponly=True, secure=secure, samesite="strict"
        )

    def take(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(NAME, httponly=True, samesite="strict")

    def value(self, key_id: str, until: int) -> str:
        """What a cookie says."""
        return f"{key_id}.{until}.{self._signature(key_id, until)}"

    def read(self, value: str, now: float) -> str:
        """The id of the key that a cookie was given to.

        Raises:
            NotAuthorised: it is none of ours, or its time is over.
        """
        key_id, _, rest = value.partition(".")
        until, _, signature = rest.partition(".")
        if not (until.isascii() and until.isdecimal()) or len(until) > 12:
            raise NotAuthorised(f"cookie {NAME} can't be read: {_SIGN_IN}")
        if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), self._signature(key_id, int(until)).encode()):
            raise NotAuthorised(f"cookie {NAME} was not given out by this server: {_SIGN_IN}")
        if now >= int(until):
            raise NotAuthorised(f"cookie {NAME} has expired: {_SIGN_IN}")
        return key_id

    def _signature(self, key_id: str, until: int) -> str:
        return hmac.new(self._secret, f"{key_id}.{until}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
