"""Streams watched: drift is told with its signal, member and beginning; changes of members are no drift."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from elitscope_models.drift import SIGNALS, Alarm, Judgement, Look, Watch

RNG = np.random.default_rng(0)
MEMBERS = (0, 1, 2)
USUAL = {
    **dict.fromkeys(("found_ratio", "line_noise"), 1.0),
    **dict.fromkeys(("blob_size", "pixel_agreement", "contrast"), 0.9),
    **dict.fromkeys(("atom_f1", "expected_f1", "support"), 0.98),
    **{"signal_to_noise": 3.0, "sharpness": 0.5, "lattice_spacing": 2.13, "sampling_error": 0.0, "atoms": 38.0},
}


def steady(frame_id: int, members: tuple[int, ...] = MEMBERS, **other: float) -> Look:
    """A look with the usual figures and a little noise; `other` ones are those of the frame, or of member 1."""

    def value(name: str, least: float, own: bool) -> float:
        return (other[name] if own and name in other else USUAL.get(name, 0.05)) + 0.2 * (least or 1.0) * float(RNG.standard_normal())

    frame = {s.name: value(s.name, s.least, True) for s in SIGNALS if not s.per_member}
    by_member = {m: {s.name: value(s.name, s.least, m == 1) for s in SIGNALS if s.per_member} for m in members}
    return Look(frame_id, "graphene", members, frame, by_member, (), frame["atoms"])


def watched(watch: Watch, looks: list[Look]) -> list[Judgement]:
    return [watch.update(look) for look in looks]


def first_alarm(judgements: list[Judgement]) -> tuple[int, tuple[Alarm, ...]]:
    return next((one.frame_id, one.alarms) for one in judgements if one.alarms)


def test_it_learns_first_and_is_quiet_while_nothing_changes() -> None:
    judgements = watched(Watch(learn=20), [steady(index) for index in range(600)])
    assert [one.state for one in judgements[:19]] == ["learning"] * 19
    assert all(one.state == "watching" for one in judgements[20:])
    assert not any(one.alarms for one in judgements)
    assert all(max(one.scores.values()) < 1.0 for one in judgements)


def test_an_alarm_names_signal_member_and_beginning_in_words_and_figures() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    frame, alarms = first_alarm(watched(watch, [steady(index, fog=0.31) for index in range(40, 60)]))
    assert frame <= 44
    (alarm,) = alarms
    assert (alarm.signal, alarm.member) == ("fog", 1)
    assert 38 <= alarm.began_frame_id <= 41
    assert alarm.text.startswith("network 1: fog 0.3")
    assert "usually 0.0" in alarm.text
    assert f"since frame {alarm.began_frame_id}" in alarm.text


def test_scores_reach_one_with_the_alarm() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    judgements = watched(watch, [steady(index, signal_to_noise=-9.0) for index in range(40, 50)])
    for one in judgements:
        assert (one.scores["signal_to_noise"] >= 1.0) == any(alarm.signal == "signal_to_noise" for alarm in one.alarms)
    assert judgements[-1].alarms


def test_another_selection_of_members_is_no_drift() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    moved = {"spread": 0.2, "support": 0.8}
    judgements = watched(watch, [steady(index, (0, 2), **moved) for index in range(40, 400)])
    assert not any(one.alarms for one in judgements)


def test_what_a_selection_does_not_touch_is_watched_across_it() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    judgements = watched(watch, [steady(index, (0, 1), sharpness=0.3) for index in range(40, 48)])
    assert any(alarm.signal == "sharpness" for alarm in judgements[-1].alarms)


def test_more_or_fewer_atoms_in_the_frame_are_no_drift() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    assert not any(one.alarms for one in watched(watch, [steady(index, atoms=12.0) for index in range(40, 100)]))


def test_a_sampling_that_is_wrong_from_the_first_frame_is_told_while_learning() -> None:
    judgements = watched(Watch(learn=20), [steady(index, sampling_error=0.25) for index in range(5)])
    frame, (alarm,) = first_alarm(judgements)
    assert (frame, alarm.signal, alarm.began_frame_id) == (2, "sampling_error", 0)
    assert math.isnan(alarm.usual)
    assert "beyond 0.1" in alarm.text


def test_looks_without_member_maps_leave_the_members_charts_as_they_are() -> None:
    watch = Watch(learn=20)
    watched(watch, [steady(index) for index in range(40)])
    bare = [replace(steady(index), by_member={}) for index in range(40, 80)]
    assert not any(one.alarms for one in watched(watch, bare))
