from __future__ import annotations

import pytest

from elitscope_models.bundle import Bundle
from elitscope_models.loading import open_ensemble, open_plan
from elitscope_models.plans import PlanUnavailable


def test_an_ensemble_opens_on_what_this_computer_has(bundle: Bundle) -> None:
    ensemble = open_ensemble(bundle, device="cpu", precision="fp32")
    assert ensemble.runtime.precision == "fp32"
    assert ensemble.members == (0, 1, 2)


@pytest.mark.parametrize("members", [None, (0, 2), (1,)])
def test_the_plan_of_a_reply_opens_the_same_plan_again(bundle: Bundle, members: tuple[int, ...] | None) -> None:
    for wanted in ("fp32", "onnxruntime-cpu"):
        plan = open_plan(bundle, wanted, members).plan(members)
        assert open_plan(bundle, plan, members).plan(members) == plan


def test_a_plan_of_other_members_is_refused_with_those_that_are_available(bundle: Bundle) -> None:
    plan = open_plan(bundle, "fp32").plan([0, 1])
    with pytest.raises(PlanUnavailable, match="not available here") as caught:
        open_plan(bundle, plan, [0, 2])
    assert open_plan(bundle, "fp32").plan([0, 2]) in str(caught.value)


def test_a_beginning_that_fits_several_plans_is_refused(bundle: Bundle) -> None:
    with pytest.raises(PlanUnavailable, match="fits several plans"):
        open_plan(bundle, "o")


def test_threads_are_part_of_the_plan(bundle: Bundle) -> None:
    plan = open_plan(bundle, "fp32", threads=3).plan()
    assert open_plan(bundle, plan, threads=3).plan() == plan
    with pytest.raises(PlanUnavailable):
        open_plan(bundle, plan, threads=4)
