"""What is told of a stream as an event: what is new, once."""

from __future__ import annotations

from typing import Any

from elitscope_service.monitor.news import SPOTS_EVERY_S, News
from elitscope_service.monitor.records import MOST_TOLD
from elitscope_service.store.drift import AdviceRecord, AlarmRecord, AutopilotRecord, DriftRecord, HotspotRecord


def alarm(signal: str, member: int | None = None) -> AlarmRecord:
    return AlarmRecord(signal=signal, member=member, began_frame_id=1, value=1.0, usual=0.1, text=f"{signal} of {member}")


def spot(row: float, kind: str = "support") -> HotspotRecord:
    return HotspotRecord(row=row, column=5.0, radius=4.0, kind=kind, strength=2.0)


def drift(at: float = 0.0, alarms: tuple[AlarmRecord, ...] = (), spots: tuple[HotspotRecord, ...] = ()) -> DriftRecord:
    return DriftRecord(
        stream="haadf",
        ensemble="toy",
        revision=1,
        frame_id=int(10 * at),
        at=at,
        state="watching",
        score=1.0,
        scores={},
        alarms=alarms,
        frame={},
        members={},
        hotspots=spots,
        looks=1,
    )


def advice(kind: Any = "no_change", members: tuple[int, ...] | None = None, mode: Any = "advise") -> AdviceRecord:
    return AdviceRecord(
        stream="haadf",
        ensemble="toy",
        revision=1,
        frame_id=1,
        at=0.0,
        kind=kind,
        members=members,
        use=None,
        reasons=("fog",),
        confidence=0.9,
        frames=(),
        since_frame_id=1,
        autopilot=AutopilotRecord(mode=mode, state="advising", why=""),
    )


def told(news: News, *records: DriftRecord) -> list[tuple[str, Any]]:
    """What, and the alarms or how many hotspots."""
    bodies = [body for record in records for body in news.of_frame(record)]
    return [(body["what"], [a["text"] for a in body["alarms"]] if "alarms" in body else body["count"]) for body in bodies]


def test_an_alarm_is_told_when_it_begins_and_when_it_ends() -> None:
    fog, other = alarm("fog", 1), alarm("fog", 2)
    frames = [drift(), drift(alarms=(fog,)), drift(alarms=(fog, other)), drift(alarms=(other,)), drift(alarms=(other,))]
    assert told(News(), *frames) == [("began", ["fog of 1"]), ("began", ["fog of 2"]), ("ended", ["fog of 1"])]


def test_alarms_that_begin_together_are_one_event() -> None:
    many = tuple(alarm("fog", member) for member in range(MOST_TOLD + 3))
    (body,) = News().of_frame(drift(alarms=many))
    assert (len(body["alarms"]), body["count"]) == (MOST_TOLD, MOST_TOLD + 3)


def test_a_hotspot_is_told_once_for_as_long_as_it_stays_where_it_is() -> None:
    news = News()
    frames = [drift(0.0, spots=(spot(10.0),)), drift(3.0, spots=(spot(14.0),)), drift(6.0, spots=(spot(14.0), spot(60.0)))]
    assert told(news, *frames) == [("hotspots", 1), ("hotspots", 1)]


def test_flickering_hotspots_are_told_at_a_limited_rate() -> None:
    frames = [drift(at, spots=(spot(100.0 * at),)) for at in (0.0, 0.5, 1.0, 1.5, SPOTS_EVERY_S)]
    assert told(News(), *frames) == [("hotspots", 1), ("hotspots", 1)]


def test_advice_is_told_when_it_changes_unless_the_autopilot_is_off() -> None:
    news = News()
    sequence = [
        advice("members", (0, 1), mode="off"),
        advice(),
        advice("members", (0, 1)),
        advice("members", (0, 1)),
        advice("members", (0,)),
        advice(),
    ]
    bodies = [body for record in sequence for body in news.of_advice(record)]
    assert [(body["kind"], body["members"]) for body in bodies] == [("members", [0, 1]), ("members", [0]), ("no_change", None)]
    assert bodies[0]["reasons"] == ["fog"]
