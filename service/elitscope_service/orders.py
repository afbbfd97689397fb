"""A command as it came in: who wants what of which stream, and how to know it again when it is sent twice."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any, Protocol

from elitscope_service.store.documents import AuditEntry, Role


class Author(Protocol):
    """Who asks for something: a person or a program, as the audit names it."""

    @property
    def name(self) -> str:
        """What the audit calls it."""

    @property
    def role(self) -> Role:
        """An operator's hold keeps controllers out."""


@dataclass(frozen=True)
class Order:
    """`command`: its id in the store; `fingerprint`: of what is asked for; `at`: Unix seconds; `if_match`: None for any revision."""

    stream: str
    action: str
    author: str
    role: Role
    reason: str
    command: str
    fingerprint: str
    at: float
    if_match: str | None = None

    def entry(self, **fields: Any) -> AuditEntry:
        """The audit's entry on it."""
        return AuditEntry(
            at=self.at, action=self.action, stream=self.stream, author=self.author, role=self.role, reason=self.reason, **fields
        )

    def matches(self, revision: int) -> bool:
        """Whether `If-Match` allows a change of this revision.

        >>> Order("haadf", "use", "ana", "operator", "", "id", "", 0.0, 'W/"6", "7"').matches(7)
        True
        """
        if self.if_match is None:
            return True
        tags = [tag.strip().removeprefix("W/").strip('"') for tag in self.if_match.split(",")]
        return "*" in tags or str(revision) in tags


def make_order(
    stream: str, action: str, who: Author, reason: str, at: float, asked: Any, key: str | None, if_match: str | None = None
) -> Order:
    """An order. `asked`: all that tells this command from another, as JSON holds it; `key`: the caller's idempotency key."""
    text = json.dumps([stream, asked, reason, if_match], sort_keys=True)
    command = secrets.token_hex(16) if key is None else hashlib.sha256(f"{who.name}\n{key}".encode()).hexdigest()[:32]
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Order(stream, action, who.name, who.role, reason, command, fingerprint, at, if_match)
