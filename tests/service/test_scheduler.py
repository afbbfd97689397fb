"""Whose turn it is, as scenarios: what is submitted, what each step costs, in which order the steps are made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elitscope_service.scheduler import Dropped, Job, Scheduler

ROOMY = {"max_frames": 100, "max_bytes": 10_000, "max_started": 4}


def job(
    stream: str = "a", frame_id: int = 0, *, session: str = "s", nbytes: int = 1, policy: str = "all", deadline: float | None = None
) -> Job:
    return Job(session, frame_id, stream, nbytes, received_at=0.0, deadline=deadline, policy=policy)


def run(scheduler: Scheduler, steps: dict[str, tuple[int, float]], most: int = 1000) -> str:
    """Work off everything: `steps` gives each stream's steps a frame and the cost of one. The streams' names, in order of their steps."""
    order, made = "", Counter()
    while len(order) < most and (turn := scheduler.next()) is not None:
        number, cost = steps[turn.stream]
        order += turn.stream
        scheduler.charge(turn, cost)
        made[turn] += 1
        if made[turn] == number:
            scheduler.finish(turn)
    return order


@dataclass(frozen=True)
class Scenario:
    """`frames` by stream in order of submission; `steps` as for `run`; the expected order of steps."""

    name: str
    frames: str
    steps: dict[str, tuple[int, float]]
    order: str
    limits: dict[str, int] = field(default_factory=dict)


SCENARIOS = [
    Scenario("nothing", "", {}, ""),
    Scenario("one frame", "a", {"a": (1, 1)}, "a"),
    Scenario("one frame of three tiles", "a", {"a": (3, 1)}, "aaa"),
    Scenario("frames of a stream keep their order and never interleave", "aa", {"a": (2, 1)}, "aaaa"),
    Scenario("equal streams take turns", "aaabbb", {"a": (1, 1), "b": (1, 1)}, "ababab"),
    Scenario("three equal streams take turns", "aabbcc", {"a": (1, 1), "b": (1, 1), "c": (1, 1)}, "abcabc"),
    Scenario("tiles of equal streams take turns", "ab", {"a": (3, 1), "b": (3, 1)}, "ababab"),
    Scenario("a cheap stream gets more turns", "aabbbbbb", {"a": (1, 3), "b": (1, 1)}, "abbbabbb"),
    Scenario("a small frame waits for one tile of a huge one, not for all", "ab", {"a": (8, 1), "b": (1, 0.1)}, "abaaaaaaa"),
    Scenario("a stream without cost does not starve the others for ever", "aaabb", {"a": (1, 0), "b": (1, 1)}, "aaabb"),
    Scenario("only so many are started", "abc", {"a": (2, 1), "b": (2, 1), "c": (2, 1)}, "abacbc", {"max_started": 2}),
    Scenario(
        "one started at a time is first come, first served", "abc", {"a": (2, 1), "b": (2, 1), "c": (2, 1)}, "aabbcc", {"max_started": 1}
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_turns_are_taken_in_the_fair_order(scenario: Scenario) -> None:
    scheduler = Scheduler(**{**ROOMY, **scenario.limits})
    for frame_id, stream in enumerate(scenario.frames):
        assert scheduler.submit(job(stream, frame_id)) is None
    assert run(scheduler, scenario.steps) == scenario.order
    assert (len(scheduler), scheduler.nbytes, scheduler.depths()) == (0, 0, {})


def test_a_stream_that_was_idle_neither_saves_up_turns_nor_owes_any() -> None:
    scheduler = Scheduler(**ROOMY)
    for frame_id in range(6):
        scheduler.submit(job("a", frame_id))
    steps = {"a": (1, 1.0), "b": (1, 1.0)}
    assert run(scheduler, steps, most=3) == "aaa"
    for frame_id in range(3):
        scheduler.submit(job("b", frame_id))
    assert run(scheduler, steps) == "bababa"


def test_going_idle_for_a_moment_does_not_wipe_out_what_a_stream_used() -> None:
    """Else a stream that always has one frame would be served like one that used nothing."""
    scheduler = Scheduler(**ROOMY)
    scheduler.submit(job("a"))
    for frame_id in range(10):
        scheduler.submit(job("b", frame_id))
    order, frame_id = "", 0
    for _ in range(8):
        turn = scheduler.next()
        assert turn is not None
        order += turn.stream
        scheduler.charge(turn, 2.5 if turn.stream == "a" else 1.0)
        scheduler.finish(turn)
        if turn.stream == "a":
            frame_id += 1
            scheduler.submit(job("a", frame_id))
    assert order == "abbbabbb"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.floats(0.1, 9.0)), max_size=40))
def test_every_frame_is_worked_off_once_whatever_comes(frames: list[tuple[str, int, float]]) -> None:
    scheduler = Scheduler(**ROOMY)
    wanted = {}
    for frame_id, (stream, steps, cost) in enumerate(frames):
        frame = job(stream, frame_id)
        assert scheduler.submit(frame) is None
        wanted[frame] = (steps, cost)
    made: Counter[Job] = Counter()
    finished: list[Job] = []
    while (turn := scheduler.next()) is not None:
        scheduler.charge(turn, wanted[turn][1])
        made[turn] += 1
        if made[turn] == wanted[turn][0]:
            scheduler.finish(turn)
            finished.append(turn)
    assert made == {frame: steps for frame, (steps, _) in wanted.items()}
    for stream in "abcd":
        ids = [frame.frame_id for frame in finished if frame.stream == stream]
        assert ids == sorted(ids)


@given(st.lists(st.floats(0.5, 4.0), min_size=2, max_size=4))
def test_busy_streams_get_equal_shares_to_within_one_step_each(costs: list[float]) -> None:
    scheduler = Scheduler(**ROOMY)
    streams = {chr(ord("a") + i): cost for i, cost in enumerate(costs)}
    for stream in streams:
        scheduler.submit(job(stream))
    spent = dict.fromkeys(streams, 0.0)
    for _ in range(200):
        turn = scheduler.next()
        assert turn is not None
        scheduler.charge(turn, streams[turn.stream])
        spent[turn.stream] += streams[turn.stream]
    assert max(spent.values()) - min(spent.values()) <= max(costs) + 1e-9


# ------------------------------------------------------------------------------------------------------------- policies

LATEST = {"policy": "latest"}
REPLACEMENTS = [
    ("latest replaces a waiting latest", job("a", 1, **LATEST), job("a", 2, **LATEST), True),
    ("all replaces nothing", job("a", 1, **LATEST), job("a", 2), False),
    ("latest does not replace an all", job("a", 1), job("a", 2, **LATEST), False),
    ("another session's stays", job("a", 1, session="x", **LATEST), job("a", 2, **LATEST), False),
    ("another stream's stays", job("b", 1, **LATEST), job("a", 2, **LATEST), False),
]


@pytest.mark.parametrize(("old", "new", "replaced"), [r[1:] for r in REPLACEMENTS], ids=[r[0] for r in REPLACEMENTS])
def test_latest_supersedes_only_its_own_kind(old: Job, new: Job, replaced: bool) -> None:
    scheduler = Scheduler(**ROOMY)
    scheduler.submit(old)
    dropped = scheduler.submit(new)
    assert (dropped is not None) == replaced
    assert len(scheduler) == (1 if replaced else 2)
    if dropped is not None:
        assert (dropped.job, dropped.code) == (old, "superseded")


def test_a_started_frame_is_not_superseded() -> None:
    scheduler = Scheduler(**ROOMY)
    first, second = job("a", 1, **LATEST), job("a", 2, **LATEST)
    scheduler.submit(first)
    assert scheduler.next() is first
    assert scheduler.submit(second) is None
    scheduler.finish(first)
    assert scheduler.next() is second


def test_a_newer_frame_takes_the_older_ones_place_in_the_line() -> None:
    scheduler = Scheduler(**ROOMY)
    frames = [job("a", 1, session="x", **LATEST), job("a", 2, session="y"), job("a", 3, session="x", **LATEST)]
    for frame in frames:
        scheduler.submit(frame)
    assert scheduler.next() is frames[2]


# --------------------------------------------------------------------------------------------------------------- limits


def test_room_is_counted_in_frames_and_in_bytes_and_given_back() -> None:
    scheduler = Scheduler(max_frames=2, max_bytes=10, max_started=4)
    frames = [job("a", 1, nbytes=6), job("b", 2, nbytes=4)]
    assert [scheduler.submit(frame) for frame in frames] == [None, None]
    refused = scheduler.submit(job("c", 3, nbytes=0))
    assert refused is not None and refused.code == "overloaded" and "2 frames with 10 bytes" in refused.message
    started = scheduler.next()
    assert started is frames[0]
    scheduler.finish(started)
    too_big = scheduler.submit(job("c", 4, nbytes=7))
    assert too_big is not None and too_big.code == "overloaded"
    assert scheduler.submit(job("c", 5, nbytes=6)) is None


def test_a_superseding_frame_uses_the_room_of_the_old_one() -> None:
    scheduler = Scheduler(max_frames=1, max_bytes=10, max_started=4)
    scheduler.submit(job("a", 1, nbytes=10, **LATEST))
    dropped = scheduler.submit(job("a", 2, nbytes=10, **LATEST))
    assert dropped is not None and dropped.code == "superseded"
    assert (len(scheduler), scheduler.nbytes) == (1, 10)


def test_a_superseding_frame_without_room_leaves_the_old_one_waiting() -> None:
    scheduler = Scheduler(max_frames=1, max_bytes=10, max_started=4)
    old = job("a", 1, nbytes=10, **LATEST)
    scheduler.submit(old)
    dropped = scheduler.submit(job("a", 2, nbytes=11, **LATEST))
    assert dropped is not None and dropped.code == "overloaded" and dropped.job.frame_id == 2
    assert scheduler.next() is old


# ------------------------------------------------------------------------------------------------------------ deadlines


@pytest.mark.parametrize(("now", "late"), [(4.9, False), (5.0, True), (5.1, True)])
@pytest.mark.parametrize("started", [False, True])
def test_a_deadline_holds_for_waiting_and_for_started_frames(now: float, late: bool, started: bool) -> None:
    scheduler = Scheduler(**ROOMY)
    frame = job("a", 1, nbytes=7, deadline=5.0)
    scheduler.submit(frame)
    if started:
        assert scheduler.next() is frame
    expired = scheduler.expire(now)
    assert [(d.job, d.code) for d in expired] == ([(frame, "deadline_exceeded")] if late else [])
    assert (len(scheduler), scheduler.nbytes) == ((0, 0) if late else (1, 7))


def test_an_expired_started_frame_makes_way_for_the_next_of_its_stream() -> None:
    scheduler = Scheduler(max_frames=10, max_bytes=10, max_started=1)
    late, fine = job("a", 1, deadline=1.0), job("a", 2)
    scheduler.submit(late)
    scheduler.submit(fine)
    assert scheduler.next() is late
    scheduler.expire(2.0)
    assert scheduler.next() is fine


def test_frames_without_a_deadline_never_expire() -> None:
    scheduler = Scheduler(**ROOMY)
    scheduler.submit(job("a"))
    assert scheduler.expire(1e12) == []


# -------------------------------------------------------------------------------------------------------------- goodbye


def test_a_session_that_ends_takes_its_waiting_frames_along() -> None:
    scheduler = Scheduler(**ROOMY)
    started, waiting, other = job("a", 1, session="x"), job("a", 2, session="x"), job("a", 3, session="y")
    for frame in (started, waiting, other):
        scheduler.submit(frame)
    assert scheduler.next() is started
    assert scheduler.discard("x") == [waiting]
    scheduler.finish(started)
    assert scheduler.next() is other


def test_draining_takes_nothing_new_and_finishes_what_is_there() -> None:
    scheduler = Scheduler(**ROOMY)
    held = job("a", 1)
    scheduler.submit(held)
    scheduler.drain()
    refused = scheduler.submit(job("a", 2))
    assert refused is not None and refused.code == "draining"
    assert scheduler.next() is held


def test_what_is_abandoned_is_told_so_and_what_is_started_stays() -> None:
    scheduler = Scheduler(**ROOMY)
    started, waiting = job("a", 1), job("b", 2)
    scheduler.submit(started)
    scheduler.submit(waiting)
    assert scheduler.next() is started
    dropped = scheduler.abandon()
    assert [(d.job, d.code) for d in dropped] == [(waiting, "draining")]
    assert len(scheduler) == 1


@given(st.data())
def test_accounts_balance_through_any_sequence_of_events(data: st.DataObject) -> None:
    """Every job that went in comes out exactly once, and the counters say what is really there."""
    scheduler = Scheduler(max_frames=6, max_bytes=20, max_started=2)
    held: set[Job] = set()
    started: set[Job] = set()
    now = 0.0

    def gone(dropped: list[Dropped]) -> None:
        for entry in dropped:
            held.remove(entry.job)
            started.discard(entry.job)

    for frame_id in range(data.draw(st.integers(0, 40))):
        match data.draw(st.sampled_from(["submit", "submit", "next", "finish", "expire", "discard"])):
            case "submit":
                frame = Job(
                    data.draw(st.sampled_from("xy")),
                    frame_id,
                    data.draw(st.sampled_from("abc")),
                    data.draw(st.integers(0, 9)),
                    now,
                    data.draw(st.none() | st.floats(now, now + 9)),
                    data.draw(st.sampled_from(["all", "latest"])),
                )
                dropped = scheduler.submit(frame)
                held.add(frame)
                gone([dropped] if dropped else [])
            case "next":
                turn = scheduler.next()
                if turn is not None:
                    started.add(turn)
                    scheduler.charge(turn, data.draw(st.floats(0, 5)))
            case "finish" if started:
                turn = data.draw(st.sampled_from(sorted(started, key=lambda j: j.frame_id)))
                scheduler.finish(turn)
                started.remove(turn)
                held.remove(turn)
            case "expire":
                now += data.draw(st.floats(0, 3))
                gone(scheduler.expire(now))
            case "discard":
                held -= set(scheduler.discard(data.draw(st.sampled_from("xy"))))
        assert len(scheduler) == len(held) <= 6
        assert scheduler.nbytes == sum(frame.nbytes for frame in held) <= 20
        assert sum(scheduler.depths().values()) == len(held)
        assert len(started) <= 2


def test_the_pixels_of_started_frames_are_bounded_save_for_a_single_frame() -> None:
    scheduler = Scheduler(max_frames=10, max_bytes=100, max_started=4, max_started_pixels=100)
    huge, second, small = (Job("s", i, name, 1, 0.0, pixels=pixels) for i, (name, pixels) in enumerate([("a", 300), ("b", 60), ("c", 40)]))
    for job in (huge, second, small):
        assert scheduler.submit(job) is None
    assert scheduler.next() is huge
    scheduler.charge(huge, 10)
    assert scheduler.next() is huge, "nothing starts beside a frame that takes all the room"
    scheduler.finish(huge)
    assert scheduler.next() is second
    scheduler.charge(second, 1)
    assert scheduler.next() is small, "60 and 40 pixels have room beside each other"
