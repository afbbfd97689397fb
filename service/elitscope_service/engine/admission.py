"""What the key behind a connection may send: asked for every frame, so that a key that is revoked or expires ends what it opened."""

from __future__ import annotations

from collections.abc import Callable

from elitscope.errors import NotAuthorised
from elitscope_service.access.keyring import Keys


class Admission:
    """Decides by the keys of this moment.

    Args:
        keys: the current snapshot.
        wall: Unix seconds.
    """

    def __init__(self, keys: Keys, wall: Callable[[], float]) -> None:
        self._keys = keys
        self._wall = wall

    def why_not(self, user: str, stream: str | None = None) -> str:
        """Why the connection of a user (a key's id) may not send frames, to this stream; empty where it may."""
        ring = self._keys()
        if not ring.required:
            return ""
        try:
            key = ring.by_id(user, self._wall())
        except NotAuthorised as error:
            return str(error)
        if "operate" not in key.scopes:
            return f"key {key.name!r} has scope {key.scope!r}: it may listen, and frames need scope 'operate'"
        if stream is not None and not key.may_use(stream):
            return f"key {key.name!r} may use {', '.join(key.streams or ())} alone, not stream {stream!r}"
        return ""
