"""A proposal names the members whose finds are physical, and says why others are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import Conditions, expose, graphene
from elitscope_models.ensemble import MembersInvalid
from elitscope_models.loading import open_plan
from elitscope_models.member_figures import MemberFigures
from elitscope_models.normalise import Local
from elitscope_models.training.iterate.choice import View, _usual_distance, chosen, propose, view_members
from elitscope_models.training.iterate.drawing import contact_sheet
from elitscope_models.training.iterate.experiment import Frame
from tests.support.bundles import make_bundle


def view(member: int, atoms: float = 250.0, regular: float = 0.95, fog: float = 0.1) -> View:
    return View(member, atoms, regular, (MemberFigures(0.8, 0.9, 0.9, int(atoms), fog),), ())


def test_members_alike_are_all_proposed() -> None:
    choice = propose([view(0), view(1, regular=0.97), view(2)])
    assert (choice.members, choice.best, choice.by) == ((0, 1, 2), 1, "proposal")
    assert choice.reasons[1].startswith("proposed, the best")


@pytest.mark.parametrize(
    ("odd", "reason"), [(view(7, fog=0.6), "foggy: 60%"), (view(7, regular=0.5), "irregular: 50%"), (view(7, atoms=90), "blind: 90 atoms")]
)
def test_what_is_wrong_with_a_member_is_said(odd: View, reason: str) -> None:
    choice = propose([view(0), odd, view(2), view(3)])
    assert choice.members == (0, 2, 3)
    assert choice.reasons[7].startswith(f"left out: {reason}")


def test_one_member_at_least_is_proposed() -> None:
    assert propose([view(4, fog=0.9, regular=0.1)]).members == (4,)


def test_an_expert_has_the_last_word() -> None:
    views = [view(0), view(1, fog=0.7), view(2, regular=0.99)]
    choice = chosen((1, 0), views)
    assert (choice.members, choice.best, choice.by) == ((0, 1), 0, "expert")
    assert "left out by the expert" in choice.reasons[2]
    for members in ((), (5,)):
        with pytest.raises(MembersInvalid, match="can't be selected"):
            chosen(members, views)


def test_members_that_see_specks_everywhere_have_no_say_in_what_is_usual() -> None:
    rng = np.random.default_rng(3)
    lattice = np.stack(np.meshgrid(np.arange(10.0, 200, 14), np.arange(10.0, 200, 14)), -1).reshape(-1, 2)
    specks = [np.concatenate([lattice, rng.uniform(0, 210, (1500, 2))]) for _ in range(3)]
    assert 0.75 * 14 < _usual_distance([lattice, *specks], 9.0) < 1.25 * 14
    assert _usual_distance([lattice, *specks], 0.0) < 7


def test_members_are_viewed_one_by_one_and_drawn_on_a_sheet(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = expose(graphene((9.6, 12.8), rng), (96, 128), 0.1, Conditions(electrons=60), rng).pixels
    ensemble = open_plan(make_bundle(tmp_path / "toy", members=3, blurs=[1.0, 1.2, 6.0], normalisation=Local()), "fp32", threads=1)
    frames = [Frame("a", pixels, (0.1, 0.1)), Frame("b", pixels[:, :96], (0.1, 0.1))]
    views = view_members(frames, ensemble)
    assert [each.member for each in views] == [0, 1, 2]
    assert views[0].regular > 0.8
    assert views[0].atoms > 20 > views[2].atoms  # smeared out, nothing is left
    choice = propose(views)
    assert 2 not in choice.members
    assert "blind" in choice.reasons[2]
    sheet = contact_sheet(frames, views, choice)
    assert sheet.startswith(b"\x89PNG")
    assert sheet == contact_sheet(frames, views, choice)
