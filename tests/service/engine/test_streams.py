"""Streams are limited in number and end when idle."""

from __future__ import annotations

from elitscope_service.engine.streams import StreamTable
from elitscope_service.selection import Selection


def test_a_stream_is_made_by_its_first_frame_and_met_again_by_the_next() -> None:
    streams = StreamTable(limit=2, idle_s=10.0)
    first = streams.meet("b", 0.0, 1e9)
    assert first is not None and streams.meet("b", 1.0, 1e9 + 1) is first
    assert (first.last_frame, first.last_frame_at) == (1.0, 1e9 + 1)
    streams.meet("a", 1.0, 1e9)
    assert [stream.name for stream in streams.all()] == ["a", "b"]


def test_one_stream_too_many_finds_no_room_and_the_others_stay() -> None:
    streams = StreamTable(limit=1, idle_s=10.0)
    streams.meet("a", 0.0, 0.0)
    assert streams.meet("b", 0.0, 0.0) is None
    assert streams.meet("a", 0.0, 0.0) is not None
    assert len(streams) == 1


def test_an_idle_stream_ends_unless_frames_of_it_are_queued() -> None:
    streams = StreamTable(limit=3, idle_s=10.0)
    for name in ("idle", "queued"):
        streams.meet(name, 0.0, 0.0)
    streams.meet("fresh", 0.1, 0.0)
    assert streams.expire(9.9, {}) == []
    assert [stream.name for stream in streams.expire(10.0, {"queued": 1})] == ["idle"]
    assert [stream.name for stream in streams.all()] == ["fresh", "queued"]


def test_its_status_says_what_selection_is_in_force() -> None:
    stream = StreamTable(limit=1, idle_s=10.0).meet("haadf", 0.0, 1e9)
    assert stream is not None
    stream.figures.count("result", 1.0)
    status = stream.status(Selection("graphene", (0, 2), revision=3, author="ana", reason="fog", since=5.0), queue_depth=4, now=1.0)
    assert (status.name, status.queue_depth, status.outcomes) == ("haadf", 4, {"result": 1})
    assert (status.selection.members, status.selection.revision, status.selection.reason) == ((0, 2), 3, "fog")
