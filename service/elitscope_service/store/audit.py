"""The audit log: one append-only Redis stream of every command.

Nothing is ever changed in it. It keeps the last 100,000 commands, some 40 MB: years of people, and about a day of a program that does one a
second; older ones go, a block at a time.
"""

from __future__ import annotations

from typing import Any

from elitscope_service.store.documents import AuditEntry
from elitscope_service.store.keys import AUDIT

KEPT = 100_000
FIELD = "entry"


def add_audit(pipe: Any, entry: AuditEntry) -> Any:
    """Append an entry, in a pipeline or at once (then, with an asyncio client, await what is returned)."""
    return pipe.xadd(AUDIT, {FIELD: entry.dumps()}, maxlen=KEPT, approximate=True)
