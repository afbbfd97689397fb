"""What is wanted of a selection, worked out from the one in force: the same for people, programs and the autopilot."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from elitscope.errors import rejection_error
from elitscope_service.store.documents import AppliedSelection, SelectionState


@dataclass(frozen=True)
class Plan:
    """The networks that are wanted. `members` None: all of the ensemble."""

    ensemble: str
    members: tuple[int, ...] | None


Planner = Callable[[AppliedSelection, SelectionState | None], Plan]
"""From the selection in force, and the state that an undo would go back to, to what is wanted. May raise one of `Refused`."""


def replaced(ensemble: str, members: tuple[int, ...] | None) -> Planner:
    """This ensemble with these networks, whatever is in force."""
    return lambda now, undo: Plan(ensemble, members)


def changed(deselect: Collection[int], select: Collection[int]) -> Planner:
    """The networks in force without some, and with others.

    Raises (when called): NotFound: the ensemble has no such network. LastMember: fewer than `min_members` would stay.
    """

    def plan(now: AppliedSelection, undo: SelectionState | None) -> Plan:
        for member in (*deselect, *select):
            if member not in now.preference:
                has = ", ".join(map(str, sorted(now.preference)))
                raise rejection_error("member_unknown", f"ensemble {now.ensemble!r} has no member {member}: it has {has}")
        members = tuple(sorted({*now.members, *select} - {*deselect}))
        if len(members) < now.min_members:
            text = (
                f"{len(members)} networks of {now.ensemble!r} would stay active: at least {now.min_members} must, select another one first"
            )
            raise rejection_error("last_member", text)
        return Plan(now.ensemble, members)

    return plan


def action_of(deselect: Collection[int], select: Collection[int]) -> str:
    """What the audit calls such a change.

    >>> action_of([3], []), action_of([], [3]), action_of([3], [4])
    ('deselect', 'select', 'change')
    """
    return "deselect" if not select else "select" if not deselect else "change"


def undone(now: AppliedSelection, undo: SelectionState | None) -> Plan:
    """The state before.

    Raises:
        NothingToUndo: there is none.
    """
    if undo is None:
        raise rejection_error("nothing_to_undo", f"stream {now.stream!r} has no earlier selection to go back to")
    return Plan(undo.ensemble, undo.members)
