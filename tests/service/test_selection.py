"""Selections: immutable, swapped whole, copied from the default at a stream's first frame."""

from __future__ import annotations

import dataclasses

import pytest

from elitscope_service.selection import Selection, Selections

DEFAULT = Selection("graphene", (0, 1, 2))


@pytest.mark.parametrize("members", [(), (1, 0), (1, 1)])
def test_members_are_at_least_one_and_ascend(members: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one id"):
        Selection("graphene", members)


def test_a_selection_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.members = (0,)  # type: ignore[misc]


def test_a_stream_keeps_the_default_of_its_first_frame() -> None:
    selections = Selections(DEFAULT)
    assert selections.of("haadf") is DEFAULT
    selections.default = Selection("graphene-v2", (0,), revision=2)
    assert selections.of("haadf") is DEFAULT
    assert selections.of("bf").ensemble == "graphene-v2"


def test_a_change_holds_from_the_next_reading_on_and_for_that_stream_alone() -> None:
    selections = Selections(DEFAULT)
    before = selections.of("haadf")
    selections.of("bf")
    selections.put("haadf", Selection("graphene", (1,), revision=2, author="ana", reason="fog"))
    assert before.members == (0, 1, 2)
    assert selections.of("haadf").members == (1,)
    assert selections.of("bf") is DEFAULT


@pytest.mark.parametrize("revision", [0, 1])
def test_a_revision_that_does_not_rise_is_refused(revision: int) -> None:
    selections = Selections(DEFAULT)
    with pytest.raises(ValueError, match="must be above 1"):
        selections.put("haadf", Selection("graphene", (1,), revision=revision))
    assert selections.of("haadf") is DEFAULT


def test_a_stream_that_ended_starts_from_the_default_again() -> None:
    selections = Selections(DEFAULT)
    selections.put("haadf", Selection("graphene", (1,), revision=2))
    selections.forget("haadf")
    selections.forget("haadf")
    assert selections.of("haadf") is DEFAULT
    assert selections.snapshot() == {"haadf": DEFAULT}
