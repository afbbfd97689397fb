"""Selections: immutable, swapped whole, copied from the default at a stream's first frame."""

from __future__ import annotations

import dataclasses
import threading

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
    assert selections.of("haadf") == DEFAULT
    selections.put("default", Selection("graphene-v2", (0,), revision=2))
    assert selections.of("haadf") == DEFAULT
    assert selections.of("bf").ensemble == "graphene-v2"


def test_a_change_holds_from_the_next_reading_on_and_for_that_stream_alone() -> None:
    selections = Selections(DEFAULT)
    before = selections.of("haadf")
    selections.of("bf")
    selections.put("haadf", Selection("graphene", (1,), revision=2, author="ana", reason="fog"))
    assert before.members == (0, 1, 2)
    assert selections.of("haadf").members == (1,)
    assert selections.of("bf") == DEFAULT


@pytest.mark.parametrize("revision", [0, 1])
def test_a_revision_that_does_not_rise_is_refused(revision: int) -> None:
    selections = Selections(DEFAULT)
    with pytest.raises(ValueError, match="must be above 1"):
        selections.put("haadf", Selection("graphene", (1,), revision=revision))
    assert selections.of("haadf") == DEFAULT


def test_a_stream_that_ended_starts_from_the_default_again() -> None:
    selections = Selections(DEFAULT)
    selections.of("haadf")
    selections.put("default", Selection("graphene-v2", (0,), revision=2))
    selections.forget(["haadf", "haadf", "never-seen", "default"])
    assert selections.in_force("haadf") is None
    assert selections.of("haadf").ensemble == "graphene-v2"


def test_what_somebody_set_is_never_forgotten_but_a_copy_of_what_somebody_set_is() -> None:
    selections = Selections(DEFAULT)
    selections.put("haadf", Selection("graphene", (1,), revision=2, touched=True))
    selections.put("default", Selection("graphene", (2,), revision=2, touched=True))
    selections.of("bf")
    selections.forget(["haadf", "bf", "default"])
    assert selections.of("haadf").members == (1,)
    assert selections.in_force("bf") is None
    assert selections.default.members == (2,)


def test_what_was_in_force_is_restored() -> None:
    selections = Selections(DEFAULT)
    kept = Selection("graphene", (1,), revision=7, touched=True)
    selections.restore({"haadf": kept})
    assert selections.of("haadf") is kept
    assert selections.snapshot() == {"default": DEFAULT, "haadf": kept}


def test_nobody_copies_the_old_default_once_the_new_one_is_in_force() -> None:
    seen: list[dict[str, Selection]] = []
    done = threading.Event()

    def switch() -> None:
        selections.put("default", Selection("graphene-v2", (0,), revision=2))
        seen.append(selections.snapshot())
        done.set()

    class SlowToCopy(Selection):
        def __post_init__(self) -> None:
            if original:
                switching.start()
                done.wait(0.2)  # passes in vain: the switch has to wait for the copy

    switching = threading.Thread(target=switch)
    original: list[Selection] = []
    original.append(SlowToCopy("graphene", (0, 1, 2)))
    selections = Selections(original[0])
    copied = selections.of("haadf")
    switching.join()
    assert seen[0].get("haadf", selections.default).ensemble == copied.ensemble
