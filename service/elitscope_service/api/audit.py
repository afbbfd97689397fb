"""Who changed what, when, why, from what to what, and the first frame that it held for."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from elitscope_service.api.callers import Reader
from elitscope_service.api.orders import STREAM_PATTERN
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.selection_view import Store
from elitscope_service.store import keys
from elitscope_service.store.audit import FIELD
from elitscope_service.store.connect import store_errors
from elitscope_service.store.documents import AuditEntry, FirstFrame

router = APIRouter(prefix="/v1/audit", tags=["audit"])

BLOCK = 500
MOST_SCANNED = 20_000
_ID = re.compile(r"\d{1,15}-\d{1,10}")

UnixSeconds = Annotated[float | None, Query(ge=0, le=1e11, allow_inf_nan=False)]


class AuditRecord(AuditEntry):
    """One command, and the first frame that was analysed under what it brought into force."""

    id: str = Field(description="Rises with time; names the entry for paging", examples=["1790000000123-0"])
    first_frame_id: int | None = Field(default=None, description="Null until a frame came")
    first_frame_at: float | None = Field(default=None, description="Unix time in seconds at which its analysis was done")


class AuditPage(BaseModel):
    """Entries, the newest first. `next`: where the next page starts, null at the end; a page may hold fewer entries than asked for."""

    entries: list[AuditRecord]
    next: str | None = Field(description="Give it as `page` to read on")


@router.get("", responses=documented(422, 503), summary="Every command, the newest first")
async def read_audit(
    who: Reader,
    store: Store,
    stream: Annotated[str | None, Query(pattern=STREAM_PATTERN)] = None,
    author: Annotated[str | None, Query(max_length=64)] = None,
    before: UnixSeconds = None,
    after: UnixSeconds = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    page: Annotated[str | None, Query(max_length=40, description="`next` of the page before")] = None,
) -> AuditPage:
    """`before` and `after` are the times at which entries were written, in Unix seconds."""
    if page is not None and not _ID.fullmatch(page):
        raise coded("request_invalid", f"page {page!r} is none: give what `next` said")
    newest = f"({page}" if page is not None else "+" if before is None else f"({int(before * 1000)}-0"
    if not newest.strip("(0-"):  # nothing is older than that, and Redis knows no range that ends before its beginning
        return AuditPage(entries=[], next=None)
    oldest = "-" if after is None else f"{int(after * 1000)}"
    found: list[AuditRecord] = []
    reading: Any = store
    with store_errors():
        for _ in range(MOST_SCANNED // BLOCK):
            block = await reading.xrevrange(keys.AUDIT, newest, oldest, count=BLOCK)
            for entry_id, fields in block:
                entry = AuditEntry.loads(fields[FIELD])
                newest = f"({entry_id}"
                if (stream is None or entry.stream == stream) and (author is None or entry.author == author):
                    found.append(AuditRecord(id=entry_id, **dict(entry)))
                    if len(found) == limit:
                        return AuditPage(entries=await _with_first_frames(reading, found), next=entry_id)
            if len(block) < BLOCK:
                return AuditPage(entries=await _with_first_frames(reading, found), next=None)
        return AuditPage(entries=await _with_first_frames(reading, found), next=newest.removeprefix("("))


async def _with_first_frames(store: Any, entries: list[AuditRecord]) -> list[AuditRecord]:
    """Join the first frames, which are kept apart: they come after the entry, and an entry is never changed."""
    dated = [entry for entry in entries if entry.stream is not None and entry.revision is not None]
    if not dated:
        return entries
    async with store.pipeline(transaction=False) as pipe:
        for entry in dated:
            pipe.hget(keys.first_frames(str(entry.stream)), str(entry.revision))
        texts = await pipe.execute()
    frames = {entry.id: FirstFrame.loads(text) for entry, text in zip(dated, texts, strict=True) if text is not None}
    return [
        entry.model_copy(update={"first_frame_id": frames[entry.id].frame_id, "first_frame_at": frames[entry.id].at})
        if entry.id in frames
        else entry
        for entry in entries
    ]
