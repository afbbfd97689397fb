"""A command as it came in: who wants what of which stream, and how to know it again when it is sent twice."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Path

from elitscope_service.api.callers import Caller
from elitscope_service.store.documents import AuditEntry, Role

STREAM_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

StreamName = Annotated[
    str, Path(pattern=STREAM_PATTERN, description="The stream, or `default`: what new streams start with", examples=["haadf"])
]
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The revision that was read: 412 where it is no longer in force", examples=['"7"']),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="Chosen by the caller, new for every command. The same command sent again under the same key, within a day, is not "
        "carried out again: it is answered with what became of it.",
        examples=["4b1f2c0e9a"],
    ),
]


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
    stream: str, action: str, who: Caller, reason: str, at: float, asked: Any, key: str | None, if_match: str | None = None
) -> Order:
    """An order. `asked`: all that tells this command from another, as JSON holds it; `key`: the caller's idempotency key."""
    text = json.dumps([stream, asked, reason, if_match], sort_keys=True)
    command = secrets.token_hex(16) if key is None else hashlib.sha256(f"{who.name}\n{key}".encode()).hexdigest()[:32]
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Order(stream, action, who.name, who.role, reason, command, fingerprint, at, if_match)
