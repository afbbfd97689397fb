"""All keys at one moment: an immutable snapshot that every decision about a caller is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from elitscope.errors import NotAuthorised
from elitscope_service.access.key import ApiKey, token_key_id

_UNKNOWN = "this key is not known here: ask who runs the server for one (elitscope-server keys create)"


@dataclass(frozen=True)
class Keyring:
    """Keys, and whether one is needed. `known`: False while neither the store nor a copy could be read, so that nobody can be let in.

    >>> Keyring().required
    False
    """

    keys: tuple[ApiKey, ...] = ()
    required: bool = False
    known: bool = True

    def by_token(self, token: str, now: float) -> ApiKey:
        """The valid key that a token belongs to.

        Raises:
            NotAuthorised: there is none, or it has expired or was revoked; says which.
        """
        key_id = token_key_id(token)
        key = next((key for key in self.keys if key.id == key_id), None)
        if key is None or not key.matches(token):
            raise NotAuthorised(_UNKNOWN)
        return _valid(key, now)

    def by_id(self, key_id: str, now: float) -> ApiKey:
        """The valid key with this id. Raises as `by_token`."""
        return _valid(next((key for key in self.keys if key.id == key_id), None), now)

    def by_curve(self, public: str, now: float) -> ApiKey:
        """The valid key with this CURVE public key (Z85). Raises as `by_token`."""
        return _valid(next((key for key in self.keys if key.curve_public == public), None), now)

    def valid_ids(self, now: float) -> frozenset[str]:
        """The keys that count at `now`."""
        return frozenset(key.id for key in self.keys if key.state(now) == "valid")


Keys = Callable[[], Keyring]
"""Where the current snapshot comes from."""


def no_keys() -> Keyring:
    """The snapshot of a server that has no keys and asks for none."""
    return Keyring()


def _valid(key: ApiKey | None, now: float) -> ApiKey:
    if key is None:
        raise NotAuthorised(_UNKNOWN)
    match key.state(now):
        case "revoked":
            raise NotAuthorised(f"key {key.name!r} was revoked: ask who runs the server for another one")
        case "expired":
            raise NotAuthorised(f"key {key.name!r} has expired: ask who runs the server for another one")
    return key
