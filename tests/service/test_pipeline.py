"""The frame path with a real ensemble: provenance, timing, cost, what is published, what is refused."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from elitscope.errors import FrameInvalid
from elitscope.messages import FrameMessage
from elitscope.types import OUTPUTS, FrameInfo, Result
from elitscope_models.analyse import analyse
from elitscope_models.ensemble import Ensemble
from elitscope_models.fusion import Fusion
from elitscope_models.loading import with_fusion
from elitscope_service import publications as published
from elitscope_service.anytime import Anytime
from elitscope_service.pipeline import Analysed, EnsembleMissing, FramePath, PartialUnsupported
from elitscope_service.publications import EVERY_FRAME, LOOK, MEMBERS, NOW_AND_THEN, SUMMARY
from elitscope_service.scheduler import Job
from elitscope_service.selection import Selection, Selections
from tests.service.builders import SESSION, Clock
from tests.support.frames import dots, lattice

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
EVERYTHING = frozenset((*EVERY_FRAME, *NOW_AND_THEN))


def path(
    ensemble: Ensemble | None, wanted: frozenset[str] = frozenset(), clock: Any = None, members: tuple[int, ...] = (0, 1, 2)
) -> FramePath:
    numbers = count()
    selections = Selections(Selection("toy", members, revision=4))
    return FramePath("e1", selections, lambda name: ensemble, lambda stream: next(numbers), lambda stream: wanted, clock or Clock())


def job(pixels: np.ndarray = FRAME, received_at: float = 0.0, **changes: Any) -> Job:
    fields = {"session": SESSION, "frame_id": 7, "stream": "haadf", "pixels": pixels, "info": FrameInfo(sampling=(0.1, 0.1)), **changes}
    frame = FrameMessage(**fields)
    return Job(SESSION, 7, "haadf", pixels.nbytes, received_at, payload=frame)


def run(steps: Generator[float, None, Analysed]) -> tuple[list[float], Analysed]:
    costs = []
    while True:
        try:
            costs.append(next(steps))
        except StopIteration as end:
            return costs, end.value


def test_a_reply_is_the_offline_analysis_with_its_provenance(toy_ensemble: Ensemble) -> None:
    _, analysed = run(path(toy_ensemble).frame_steps(job()))
    offline = analyse(FRAME, 0.1, toy_ensemble)
    result = analysed.reply.result
    assert result.atoms is not None and result.mean is not None and result.std is not None and offline.std is not None
    assert (result.mean.tobytes(), result.std.tobytes()) == (offline.mean.tobytes(), offline.std.tobytes())
    assert result.atoms.tobytes() == offline.atoms.tobytes()
    assert (result.ensemble, result.ensemble_version, result.members, result.revision) == ("toy", "1", (0, 1, 2), 4)
    assert (result.plan, result.epoch, result.sequence, result.frame_id, result.stream) == (offline.plan, "e1", 0, 7, "haadf")
    assert (result.sampling, result.classes, result.warnings) == ((0.1, 0.1), ("C",), offline.warnings)


def test_only_the_selected_members_run_and_are_named(toy_ensemble: Ensemble) -> None:
    _, analysed = run(path(toy_ensemble, members=(1,)).frame_steps(job(outputs=("mean", "std", "members"))))
    result = analysed.reply.result
    assert (result.members, result.std) == ((1,), None)
    assert result.member_maps is not None and result.member_maps.shape == (1, 1, *SHAPE)
    assert "single_member" in result.warnings


def brought(result: Result) -> set[str]:
    """Names of the outputs that a result has."""
    arrays = (result.mean, result.std, result.atoms, result.hotspots, result.member_maps)
    return {name for name, array in zip(OUTPUTS, arrays, strict=True) if array is not None}


def test_hotspots_are_looked_for_only_where_somebody_wants_them(toy_ensemble: Ensemble) -> None:
    def whole(wanted: frozenset[str], **changes: Any) -> Result:
        return run(path(toy_ensemble, wanted).frame_steps(job(**changes)))[1].result

    assert whole(frozenset(), outputs=("atoms",)).hotspots is None
    assert whole(frozenset(), outputs=("hotspots",)).hotspots is not None
    assert whole(frozenset({MEMBERS}), outputs=("atoms",)).hotspots is None
    assert whole(frozenset({SUMMARY}), outputs=("atoms",)).hotspots is not None


@pytest.mark.parametrize("outputs", [("atoms",), ("mean",), ("mean", "std"), ("hotspots",), ("members",), OUTPUTS])
@pytest.mark.parametrize("wanted", [frozenset(), EVERYTHING])
def test_a_reply_carries_what_was_asked_for_whatever_subscribers_want(
    toy_ensemble: Ensemble, outputs: tuple[str, ...], wanted: frozenset[str]
) -> None:
    _, analysed = run(path(toy_ensemble, wanted).frame_steps(job(outputs=outputs)))
    result = analysed.reply.result
    assert brought(result) == set(outputs)
    assert analysed.reply.frame is None


def test_each_kind_of_publication_carries_its_own(toy_ensemble: Ensemble) -> None:
    _, analysed = run(path(toy_ensemble, EVERYTHING).frame_steps(job(outputs=("mean",))))
    found = {}
    for topic, message in analysed.publications:
        found[topic] = brought(message.result) | ({"frame"} if message.frame is not None else set())
    assert found == {
        "summary/haadf/": {"atoms", "hotspots"},
        "result/haadf/": {"mean"},
        "preview/haadf/": {"frame", "mean", "std", "atoms", "hotspots"},
        "members/haadf/": {"atoms", "members"},
        "look/haadf/": {"frame", *OUTPUTS},
    }


def test_a_frame_that_is_too_large_is_not_looked_at(toy_ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MOST_LOOK_PIXELS", FRAME.size - 1)
    _, analysed = run(path(toy_ensemble, frozenset({LOOK, MEMBERS})).frame_steps(job()))
    assert [topic for topic, _ in analysed.publications] == ["members/haadf/"]


def test_a_look_at_a_frame_with_too_many_maps_goes_without_them(toy_ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MOST_LOOK_VALUES", FRAME.size)
    _, analysed = run(path(toy_ensemble, frozenset({LOOK})).frame_steps(job()))
    ((topic, message),) = analysed.publications
    assert topic == "look/haadf/"
    assert message.frame is not None and message.result.std is not None and message.result.member_maps is None


def test_nothing_is_published_that_nobody_wants(toy_ensemble: Ensemble) -> None:
    assert run(path(toy_ensemble).frame_steps(job()))[1].publications == ()


def test_a_step_costs_the_time_that_it_took_and_a_pause_costs_nothing(toy_ensemble: Ensemble) -> None:
    now = iter(range(1000))
    steps = path(toy_ensemble, members=(0, 2), clock=lambda: float(next(now))).frame_steps(job())
    costs = []
    try:
        while True:
            costs.append(next(steps))
            for _ in range(10):
                next(now)
    except StopIteration:
        pass
    assert len(costs) >= 4, "prepared, two passes, mean and spread"
    assert all(0 < cost < 10 for cost in costs)


def test_waiting_between_steps_counts_as_queueing(toy_ensemble: Ensemble) -> None:
    clock = Clock(10.0)
    steps = path(toy_ensemble, clock=clock).frame_steps(job(received_at=9.5))
    stops = 0
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
            stops += 1
            clock.now += 1.0
    timing = end.value.value.reply.result.timing
    assert timing.queue_ms == pytest.approx(1e3 * (0.5 + stops))
    assert timing.total_ms == pytest.approx(1e3 * (0.5 + stops))


def test_a_selection_is_read_once_at_the_start(toy_ensemble: Ensemble) -> None:
    frame_path = path(toy_ensemble)
    steps = frame_path.frame_steps(job())
    next(steps)
    frame_path.selections.put("haadf", Selection("toy", (1,), revision=5))
    _, first = run(steps)
    _, second = run(frame_path.frame_steps(job()))
    assert (first.reply.result.members, first.reply.result.revision) == ((0, 1, 2), 4)
    assert (second.reply.result.members, second.reply.result.revision) == ((1,), 5)


def test_two_frames_in_turns_give_what_each_gives_alone(toy_ensemble: Ensemble) -> None:
    frame_path = path(toy_ensemble)
    pixels = (FRAME, FRAME[::-1].copy())
    alone = [run(frame_path.frame_steps(job(p)))[1].reply.result for p in pixels]
    running = {i: frame_path.frame_steps(job(p)) for i, p in enumerate(pixels)}
    together = {}
    while running:
        for index, steps in list(running.items()):
            try:
                next(steps)
            except StopIteration as end:
                together[index] = end.value.reply.result
                del running[index]
    for index, result in enumerate(alone):
        assert result.mean is not None
        np.testing.assert_array_equal(together[index].mean, result.mean)
        np.testing.assert_array_equal(together[index].atoms, result.atoms)


def test_a_partial_frame_is_refused(toy_ensemble: Ensemble) -> None:
    with pytest.raises(PartialUnsupported, match="whole frames") as caught:
        next(path(toy_ensemble).frame_steps(job(partial=True, valid_rows=(0, 8))))
    assert caught.value.code == "partial_unsupported"


@pytest.mark.parametrize("pixels", [np.full(SHAPE, np.nan, np.float32), np.zeros((4, 4), np.uint8)], ids=["all NaN", "too small"])
def test_a_frame_that_can_not_be_analysed_is_refused(toy_ensemble: Ensemble, pixels: np.ndarray) -> None:
    with pytest.raises(FrameInvalid):
        run(path(toy_ensemble).frame_steps(job(pixels)))


def test_a_selection_of_an_ensemble_that_is_not_ready_is_a_defect() -> None:
    with pytest.raises(EnsembleMissing, match="'toy' of revision 4"):
        next(path(None).frame_steps(job()))


def test_a_frame_that_meets_a_switch_and_the_unloading_of_the_old_ensemble_is_analysed_with_the_new_one(toy_ensemble: Ensemble) -> None:
    selections = Selections(Selection("old", (0,), revision=4))

    def switched(name: str) -> Ensemble | None:
        if name == "toy":
            return toy_ensemble
        selections.put("haadf", Selection("toy", (0, 1, 2), revision=5))
        return None

    frame_path = FramePath("e1", selections, switched, lambda stream: 0, lambda stream: frozenset(), Clock())
    _, analysed = run(frame_path.frame_steps(job()))
    assert (analysed.reply.result.revision, analysed.reply.result.members) == (5, (0, 1, 2))


def test_what_an_ensemble_has_waiting_is_told_to_whoever_compiles_it(toy_ensemble: Ensemble) -> None:
    fusing = with_fusion(toy_ensemble)
    asked: list[Fusion] = []
    frame_path = replace(path(fusing), fuse=asked.append)
    plans = []
    while not asked:
        plans.append(run(frame_path.frame_steps(job()))[1].reply.result.plan)
    assert set(plans) == {fusing.plan((0, 1, 2))}
    assert asked == [fusing.fusion]
    asked[0].work()
    _, analysed = run(frame_path.frame_steps(job()))
    assert analysed.reply.result.plan == fusing.plan((0, 1, 2), whole=True)
    assert len(asked) == 1


def cut(ensemble: Ensemble, deadline: float | None, depths: dict[str, int], anytime: bool = True, min_members: int = 1) -> Result:
    """A frame's result where each of its three networks is known to take a second, and everything around them half a second."""
    chooser = Anytime(lambda: depths)
    chooser.learn("toy", FRAME.size, 3, inference_s=3.0, around_s=0.5)
    selections = Selections(Selection("toy", (0, 1, 2), revision=4, min_members=min_members, preference=(2, 0, 1)))
    frame_path = replace(path(ensemble), selections=selections, anytime=chooser if anytime else None)
    _, analysed = run(frame_path.frame_steps(replace(job(), deadline=deadline)))
    return analysed.result


BACKLOG = {"haadf": 2}


@pytest.mark.parametrize(
    ("deadline", "depths", "anytime", "members"),
    [
        (10.0, BACKLOG, True, (0, 1, 2)),
        (3.2, BACKLOG, True, (0, 2)),
        (2.0, BACKLOG, True, (2,)),
        (0.1, BACKLOG, True, (2,)),
        (0.1, BACKLOG, False, (0, 1, 2)),
        (None, BACKLOG, True, (0, 1, 2)),
        (0.1, {"haadf": 1}, True, (0, 1, 2)),
        (6.4, {"haadf": 1, "other": 1}, True, (0, 2)),
    ],
    ids=["enough time", "two", "one", "at least one", "not allowed", "no deadline", "nobody waits", "half the turns"],
)
def test_a_frame_that_would_come_too_late_is_answered_by_the_most_trusted(
    toy_ensemble: Ensemble, deadline: float | None, depths: dict[str, int], anytime: bool, members: tuple[int, ...]
) -> None:
    result = cut(toy_ensemble, deadline, depths, anytime)
    assert result.members == members
    told = [warning for warning in result.warnings if warning.startswith("cut_short")]
    assert told == ([f"cut_short: {len(members)} of 3 networks, for the deadline"] if len(members) < 3 else [])
    offline = analyse(FRAME, 0.1, toy_ensemble, members)
    assert result.plan == offline.plan
    assert result.mean is not None and result.mean.tobytes() == offline.mean.tobytes()


def test_a_frame_is_never_cut_below_the_fewest_members(toy_ensemble: Ensemble) -> None:
    assert cut(toy_ensemble, 0.1, BACKLOG, min_members=2).members == (0, 2)


def test_nothing_is_cut_before_anything_is_known_and_the_pace_is_learned(toy_ensemble: Ensemble) -> None:
    chooser = Anytime(lambda: BACKLOG)
    frame_path = replace(path(toy_ensemble, clock=Clock()), anytime=chooser)
    hurried = replace(job(), deadline=0.0)
    assert run(frame_path.frame_steps(hurried))[1].result.members == (0, 1, 2)
    assert run(frame_path.frame_steps(hurried))[1].result.members == (0,)
