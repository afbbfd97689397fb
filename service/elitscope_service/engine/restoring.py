"""What the engine starts with: the selections that were in force, from its own file and, where it answers, the store.

Of the two the higher revision counts. Every ensemble that is needed is loaded before a frame is read. Where one can't be had any more, its
streams start with `default`'s networks, as a new revision that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import redis
from pydantic import ValidationError

from elitscope.errors import ElitscopeError
from elitscope_models.ensemble import Ensemble
from elitscope_service.engine.saved import load_selections
from elitscope_service.selection import DEFAULT, SERVER, Selection
from elitscope_service.store import keys
from elitscope_service.store.connect import StoreUnavailable, store_errors
from elitscope_service.store.documents import AppliedSelection
from elitscope_service.store.selections import selection_of

logger = logging.getLogger(__name__)


def remembered(file: Path, store: redis.Redis) -> dict[str, Selection]:
    """The selections that were in force, by stream."""
    found = load_selections(file)
    try:
        with store_errors():
            kept = _kept(store)
    except (StoreUnavailable, ValidationError) as error:
        logger.warning("starting with the selections that the engine saved itself: %s", error)
        return found
    for stream, selection in kept.items():
        if stream not in found or selection.revision > found[stream].revision:
            found[stream] = selection
    return found


def restored(
    found: Mapping[str, Selection], first: Selection, load: Callable[[str], Ensemble], wall: Callable[[], float]
) -> dict[str, Selection]:
    """What comes into force at the start, `default` among it.

    Args:
        found: what was in force.
        first: what the configuration says that streams start with; it is ready.
        load: loads an ensemble, or raises an `ElitscopeError`.
        wall: Unix seconds.
    """
    default = _default(found.get(DEFAULT), first, load, wall)
    others = {stream: _usable(stream, selection, default, load, wall) for stream, selection in found.items() if stream != DEFAULT}
    return {DEFAULT: default, **others}


def _default(kept: Selection | None, first: Selection, load: Callable[[str], Ensemble], wall: Callable[[], float]) -> Selection:
    """Somebody's choice stays; otherwise the configuration's, as a new revision where that is another than before."""
    if kept is None:
        return first
    if kept.touched:
        return _usable(DEFAULT, kept, first, load, wall)
    same = (kept.ensemble, kept.members) == (first.ensemble, first.members)
    return kept if same else replace(first, revision=kept.revision + 1)


def _usable(stream: str, selection: Selection, instead: Selection, load: Callable[[str], Ensemble], wall: Callable[[], float]) -> Selection:
    try:
        ids = load(selection.ensemble).bundle.manifest.member_ids
        missing = [member for member in selection.members if member not in ids]
        if not missing:
            return selection
        why = f"ensemble {selection.ensemble!r} has no member {missing[0]} any more"
    except ElitscopeError as error:
        why = str(error)
    logger.error("stream %s starts with %s: %s", stream, instead.ensemble, why)
    revision = max(selection.revision, instead.revision) + 1
    return replace(instead, revision=revision, author=SERVER, role="controller", reason=why, since=wall(), touched=selection.touched)


def _kept(store: redis.Redis) -> dict[str, Selection]:
    streams = sorted(map(str, store.smembers(keys.SELECTIONS)))
    texts = store.mget([keys.applied(stream) for stream in streams]) if streams else []
    documents = [AppliedSelection.loads(text) for text in texts if text is not None]
    return {document.stream: selection_of(document) for document in documents}
