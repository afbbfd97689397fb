"""Between the selection that frames read and the documents that are kept of it."""

from __future__ import annotations

from elitscope_service.selection import Selection
from elitscope_service.store.documents import AppliedSelection, SelectionState


def document_of(stream: str, selection: Selection, last_revision: int = 0) -> AppliedSelection:
    """What is kept of a stream's selection. `last_revision`: the highest that was asked for, where that was refused."""
    return AppliedSelection(
        stream=stream,
        revision=selection.revision,
        last_revision=max(selection.revision, last_revision),
        ensemble=selection.ensemble,
        members=selection.members,
        min_members=selection.min_members,
        preference=selection.preference,
        author=selection.author,
        role=selection.role,
        reason=selection.reason,
        since=selection.since,
        touched=selection.touched,
    )


def selection_of(document: AppliedSelection) -> Selection:
    """The selection that was kept."""
    return Selection(
        ensemble=document.ensemble,
        members=document.members,
        revision=document.revision,
        author=document.author,
        reason=document.reason,
        since=document.since,
        role=document.role,
        min_members=document.min_members,
        preference=document.preference,
        touched=document.touched,
    )


def state_of(selection: Selection) -> SelectionState:
    """Just the networks."""
    return SelectionState(ensemble=selection.ensemble, members=selection.members)
