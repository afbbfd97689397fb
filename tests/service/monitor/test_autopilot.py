"""When the autopilot does what is advised: every way in which it may not, cannot yet, or has nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from elitscope.errors import LastMember
from elitscope_models.drift.recommend import Recommendation
from elitscope_service.monitor.autopilot import (
    AGREEING,
    AGREEING_TO_TAKE_BACK,
    REST_S,
    TAKE_BACK_S,
    Decision,
    Pilot,
    Situation,
    planned,
)
from elitscope_service.planners import Plan
from elitscope_service.selection import AUTOPILOT
from elitscope_service.store.documents import AppliedSelection, Autopilot, Hold, Mode
from tests.service.builders import Clock

SET_AT = 1000.0
DROP = Recommendation("members", (0, 1), None, ("network 2: fog 0.31", "expected F1 0.96 instead of 0.91"), 0.97)
TAKE_BACK = Recommendation("members", (0, 1, 2), None, ("network 2 is well again",), 0.97)
SWITCH = Recommendation("ensemble", None, "mos2", ("lattice planes 2.7 Å apart",), 0.9)
NOTHING = Recommendation("no_change", None, None, ("expected F1 0.96",), 0.9)


def applied(**changes: Any) -> AppliedSelection:
    """Networks 0 to 2, as the stream started."""
    fields: dict[str, Any] = {
        "stream": "haadf",
        "revision": 7,
        "last_revision": 7,
        "ensemble": "graphene",
        "members": (0, 1, 2),
        "min_members": 1,
    }
    fields |= {"preference": (0, 1, 2), "author": "server", "role": "controller", "reason": "", "since": 500.0, "touched": False}
    return AppliedSelection(**{**fields, **changes})


def decided(
    advice: Recommendation = DROP,
    frames: int = 10,
    mode: Mode = "act",
    hold: Hold | None = None,
    now: float = 2000.0,
    pilot: Pilot | None = None,
    **selection: Any,
) -> Decision:
    """The decision after so many frames, one after the other, that all speak for the advice."""
    pilot = pilot or Pilot(Clock(now))
    situation = Situation(applied(**selection), hold, Autopilot(mode=mode, author="ana", since=SET_AT))
    decisions = [pilot.decide(advice, frame, situation) for frame in range(frames)]
    return decisions[-1]


def plan(decision: Decision, **selection: Any) -> Plan:
    assert decision.manoeuvre is not None
    return decision.manoeuvre.planner(applied(**selection), None)


@pytest.mark.parametrize(
    ("advice", "selection", "action", "wanted"),
    [
        (DROP, {}, "deselect", Plan("graphene", (0, 1))),
        (TAKE_BACK, {"members": (0, 1)}, "select", Plan("graphene", (0, 1, 2))),
        (DROP, {"members": (1, 2)}, "change", Plan("graphene", (0, 1))),
        (SWITCH, {}, "use", Plan("mos2", None)),
    ],
)
def test_what_is_advised_for_long_enough_is_done(advice: Recommendation, selection: Any, action: str, wanted: Plan) -> None:
    decision = decided(advice, **selection)
    assert decision.record.state == "acting"
    assert decision.record.why == "; ".join(advice.reasons)
    assert decision.manoeuvre is not None and decision.manoeuvre.action == action
    assert plan(decision, **selection) == wanted


@pytest.mark.parametrize(
    ("situation", "state", "why"),
    [
        ({"mode": "off"}, "off", "told to whoever asks"),
        ({"mode": "advise"}, "advising", "done by nobody"),
        ({"hold": Hold(holder="ana", since=1.0)}, "held", "ana holds the stream"),
        ({"author": "ana", "touched": True, "since": SET_AT + 1}, "standing_back", "ana changed the networks at revision 7"),
        ({"author": "bot", "touched": True, "since": SET_AT + 1}, "standing_back", "bot changed the networks"),
        ({"advice": NOTHING}, "idle", "nothing to do"),
        ({"advice": DROP, "members": (0, 1)}, "idle", "nothing to do"),
        ({"advice": Recommendation("retrain", None, None, (), 0.6, (1, 2))}, "idle", "nothing to do"),
        ({"frames": AGREEING - 1}, "waiting", f"{AGREEING} are needed"),
        ({"advice": TAKE_BACK, "members": (0, 1), "frames": AGREEING_TO_TAKE_BACK - 1}, "waiting", f"{AGREEING_TO_TAKE_BACK} are needed"),
        ({"advice": Recommendation("members", (0, 1), None, (), 0.6)}, "waiting", "0.60 sure"),
        ({"author": AUTOPILOT, "touched": True, "since": 2000.0 - REST_S + 1}, "waiting", f"{REST_S:g} s have to pass"),
    ],
)
def test_otherwise_it_says_why_it_does_not(situation: Any, state: str, why: str) -> None:
    decision = decided(**situation)
    assert decision.manoeuvre is None
    assert decision.record.state == state
    assert why in decision.record.why


@pytest.mark.parametrize(
    ("changes", "acts"),
    [
        ({"author": "ana", "touched": True, "since": SET_AT - 1}, True),
        ({"author": "ana", "touched": False, "since": SET_AT + 1}, True),
        ({"author": "server", "touched": True, "since": SET_AT + 1}, True),
        ({"author": AUTOPILOT, "touched": True, "since": 2000.0 - REST_S}, True),
        ({"author": "ana", "touched": True, "since": SET_AT + 1}, False),
    ],
)
def test_only_what_somebody_else_did_after_the_mode_was_set_is_an_override(changes: Any, acts: bool) -> None:
    assert (decided(**changes).record.state == "acting") is acts


def test_networks_are_taken_back_later_than_they_are_taken_out() -> None:
    since: dict[str, Any] = {"author": AUTOPILOT, "touched": True, "members": (0, 1), "since": 2000.0 - TAKE_BACK_S}
    assert decided(TAKE_BACK, **since).record.state == "acting"
    assert decided(TAKE_BACK, **{**since, "since": 2001.0 - TAKE_BACK_S}).record.state == "waiting"


def test_other_advice_in_between_starts_the_count_anew_and_the_same_frame_counts_once() -> None:
    pilot, situation = Pilot(Clock(2000.0)), Situation(applied(), None, Autopilot(mode="act", author="ana", since=SET_AT))
    states = [pilot.decide(advice, frame, situation).record.state for frame, advice in enumerate([DROP, DROP, SWITCH, DROP, DROP])]
    assert states == ["waiting"] * 5
    assert pilot.since_frame_id == 3
    assert pilot.decide(DROP, 4, situation).record.state == "waiting"
    assert pilot.decide(DROP, 5, situation).record.state == "acting"


def test_after_a_refusal_it_waits_before_it_tries_again() -> None:
    clock = Clock(2000.0)
    pilot = Pilot(clock)
    assert decided(pilot=pilot).record.state == "acting"
    pilot.refused("ensemble_unavailable: not ready")
    assert decided(pilot=pilot).record == decided(pilot=pilot).record
    assert (decided(pilot=pilot).record.state, decided(pilot=pilot).record.why) == ("refused", "ensemble_unavailable: not ready")
    clock.now += REST_S
    assert decided(pilot=pilot).record.state == "acting"


def test_fewer_networks_than_must_stay_active_are_never_planned() -> None:
    manoeuvre = planned(Recommendation("members", (0,), None, (), 0.9), applied(min_members=2))
    assert manoeuvre is not None
    with pytest.raises(LastMember, match="at least 2 must"):
        manoeuvre.planner(applied(min_members=2), None)
