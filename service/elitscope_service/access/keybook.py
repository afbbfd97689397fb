"""The keys in the store."""

from __future__ import annotations

import redis

from elitscope.errors import NotFound, RequestInvalid
from elitscope_service.access.key import ApiKey
from elitscope_service.store.audit import add_audit
from elitscope_service.store.connect import store_errors
from elitscope_service.store.documents import AuditEntry
from elitscope_service.store.keys import API_KEYS, KEYS_CHANGED

AUTHOR = "server"
"""Who makes and revokes keys, in the audit log: whoever has the command line of the server."""


class KeyBook:
    """Reads and changes keys. Every method raises `StoreUnavailable` where the store does not answer."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store

    def read(self) -> tuple[ApiKey, ...]:
        """Every key there ever was, the oldest first."""
        with store_errors():
            found = self._store.hvals(API_KEYS)
        return tuple(sorted((ApiKey.loads(text) for text in found), key=lambda key: (key.created_at, key.name)))

    def add(self, key: ApiKey) -> None:
        """Keep a new key.

        Raises:
            RequestInvalid: there is, or was, a key of that name.
        """
        with store_errors():
            if not self._store.hsetnx(API_KEYS, key.name, key.dumps()):
                raise RequestInvalid(f"there is a key {key.name!r}, or was one: choose another name, so that the audit log stays clear")
            self._record("key_create", key, key.created_at)

    def revoke(self, name: str, now: float) -> ApiKey:
        """Have a key count no more. Revoking it again changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        with store_errors():
            key = ApiKey.loads_or_none(self._store.hget(API_KEYS, name))
            if key is None:
                raise NotFound(f"there is no key {name!r}: elitscope-server keys list shows those there are")
            if key.revoked_at is not None:
                return key
            revoked = key.model_copy(update={"revoked_at": now})
            self._store.hset(API_KEYS, name, revoked.dumps())
            self._record("key_revoke", revoked, now)
        return revoked

    def _record(self, action: str, key: ApiKey, at: float) -> None:
        streams = "any stream" if key.streams is None else ", ".join(key.streams)
        entry = AuditEntry(
            at=at, action=action, subject=key.name, author=AUTHOR, role="operator", value=f"{key.scope}, {key.role}, {streams}"
        )
        add_audit(self._store, entry)
        self._store.publish(KEYS_CHANGED, key.name)
