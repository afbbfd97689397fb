"""Whether what is wanted can come into force: the engine's word, since it alone knows what is loaded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from elitscope_models.ensemble import Ensemble
from elitscope_models.manifest import Manifest
from elitscope_service.selection import DEFAULT, Selection
from elitscope_service.store.documents import WantedSelection

MOST_SELECTIONS = 1024
"""Streams whose selection is remembered: each is a name that somebody chose."""

UNDO = "undo"


@dataclass(frozen=True)
class Refusal:
    """Why not: a code of `elitscope.errors.CODES`, and words."""

    code: str
    detail: str


def first_selection(manifest: Manifest, since: float, revision: int = 1, reason: str = "") -> Selection:
    """Every member of an ensemble."""
    members = tuple(sorted(manifest.member_ids))
    return Selection(manifest.name, members, revision, reason=reason, since=since, preference=preference(manifest))


def preference(manifest: Manifest) -> tuple[int, ...]:
    """Every id, most trusted first: by the IoU on its test set; by id where there is none."""
    ranked = sorted(manifest.members, key=lambda member: (-member.metrics.get("iou", 0.0), member.id))
    return tuple(member.id for member in ranked)


class Ensembles(Protocol):
    """What is asked of the registry."""

    def ready(self, name: str) -> Ensemble | None:
        """The ensemble, if it is ready."""
        ...

    def names(self) -> Collection[str]:
        """Every ensemble that was found, in whatever state."""
        ...


def judge(wanted: WantedSelection, current: Selection, ensembles: Ensembles, known: int, since: float) -> Selection | Refusal:
    """The selection that comes into force, or why none does.

    Args:
        wanted: what is asked for.
        current: what is in force for the stream, `default` where it has none.
        ensembles: those that there are.
        known: how many selections there would be with this one.
        since: Unix seconds.
    """
    if wanted.base != current.revision:
        text = f"revision {wanted.base} of stream {wanted.stream!r} was to be changed, and {current.revision} is in force: read it again"
        return Refusal("revision_mismatch", text)
    if known > MOST_SELECTIONS and wanted.stream != DEFAULT:
        text = f"the selections of {MOST_SELECTIONS} streams are remembered, which is the limit: use one of them"
        return Refusal("too_many_streams", text)
    ready = ensembles.ready(wanted.ensemble)
    if ready is None:
        return _not_ready(wanted, ensembles.names())
    manifest = ready.bundle.manifest
    members = tuple(sorted(manifest.member_ids if wanted.members is None else set(wanted.members)))
    if unknown := [member for member in members if member not in manifest.member_ids]:
        text = f"ensemble {manifest.name!r} has no member {unknown[0]}: it has {', '.join(map(str, sorted(manifest.member_ids)))}"
        return Refusal("nothing_to_undo" if wanted.action == UNDO else "member_unknown", text)
    if len(members) < current.min_members:
        return Refusal("last_member", f"{len(members)} of {manifest.name!r} would stay active: at least {current.min_members} must")
    return Selection(
        manifest.name,
        members,
        wanted.revision,
        author=wanted.author,
        role=wanted.role,
        reason=wanted.reason,
        since=since,
        min_members=current.min_members,
        preference=preference(manifest),
        touched=True,
    )


def _not_ready(wanted: WantedSelection, names: Collection[str]) -> Refusal:
    if wanted.ensemble in names:
        code, text = "ensemble_unavailable", f"ensemble {wanted.ensemble!r} is not ready: load it first"
    else:
        code, text = "ensemble_unknown", f"there is no ensemble {wanted.ensemble!r}: there are {', '.join(names) or 'none'}"
    return Refusal("nothing_to_undo" if wanted.action == UNDO else code, text)
