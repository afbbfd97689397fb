"""What clients' messages lead to, without sockets: greetings, credit, resends, limits, and one answer a frame."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from elitscope.codec import encode
from elitscope.messages import Bye, EnsembleSummary, Ping, Pong, Reject, ResultMessage, Welcome
from elitscope.types import Result, Timing
from elitscope_service.config import Limits
from elitscope_service.engine.answers import Answer, reject_answer, result_answer
from elitscope_service.engine.reception import Greeting, Reception
from elitscope_service.engine.work import WorkQueue
from elitscope_service.scheduler import Job, Scheduler
from tests.service.builders import OTHER_SESSION, PIXELS, SESSION, Clock, frame_parts, hello_parts, read

SUMMARY = EnsembleSummary("graphene", "1", ("C",), (0, 1), 0.1, (0.05, 0.2))


class Desk:
    """A reception with everything behind it, and the worker played by hand."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.limits = Limits(**limits)
        scheduler = Scheduler(self.limits.queued_frames, self.limits.queued_bytes, self.limits.started_frames)
        self.work = WorkQueue(scheduler, self.clock)
        self.events: list[Any] = []
        greeting = Greeting("epoch-1", "elitscope test", SUMMARY)
        self.reception = Reception(self.limits, self.work, lambda: greeting, self.events.append, self.clock, lambda: 1e9 + self.clock())

    def send(self, parts: list[Any], route: bytes = b"r1") -> list[Any]:
        return read(self.reception.receive(route, [bytes(part) for part in parts]))

    def greeted(self) -> Desk:
        self.send(hello_parts())
        return self

    def next_job(self) -> Job:
        turn = self.work.take(0.0)
        assert turn is not None and turn.job is not None
        return turn.job

    def finish(self, job: Job, mean: float = 0.5) -> Any:
        """The worker is done with a job: what is sent for it, decoded, with the connection that it goes to."""
        self.work.finish(job)
        maps = np.full((1, *job.payload.pixels.shape), mean, np.float32)
        result = Result(job.frame_id, job.stream, 0, "graphene", "1", (0, 1), 1, "plan", ("C",), None, (), Timing(total_ms=5.0), mean=maps)
        return self.settle(result_answer(job, ResultMessage(result)))

    def settle(self, answer: Answer) -> Any:
        outgoing = self.reception.answer(answer)
        return None if outgoing is None else (outgoing.route, *read(outgoing))

    def outcomes(self, stream: str = "haadf") -> dict[str, int]:
        found = self.reception.streams.find(stream)
        assert found is not None
        return dict(found.figures.outcomes)


# ------------------------------------------------------------------------------------------------------------ sessions


def test_a_greeting_is_answered_with_limits_epoch_and_ensemble() -> None:
    (welcome,) = Desk(credit_frames=3).send(hello_parts())
    assert isinstance(welcome, Welcome)
    assert (welcome.epoch, welcome.limits.credit_frames, welcome.ensemble) == ("epoch-1", 3, SUMMARY)


def test_greeting_twice_is_harmless() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    assert isinstance(desk.send(hello_parts(), b"r2")[0], Welcome)
    assert desk.finish(desk.next_job())[0] == b"r2"


def test_a_frame_of_an_unknown_session_is_told_to_greet_and_leaves_nothing_behind() -> None:
    desk = Desk()
    (reject,) = desk.send(frame_parts(7))
    assert (reject.frame_id, reject.stream, reject.code) == (7, "haadf", "session_unknown")
    assert (len(desk.reception.sessions), len(desk.reception.streams), desk.work.load()) == (0, 0, (0, 0))


def test_a_ping_of_an_unknown_session_is_told_to_greet() -> None:
    (reject,) = Desk().send(encode(Ping(SESSION, 1)))
    assert (reject.frame_id, reject.code) == (None, "session_unknown")


def test_one_session_too_many_is_refused_and_the_others_go_on() -> None:
    desk = Desk(sessions=1).greeted()
    (reject,) = desk.send(hello_parts(OTHER_SESSION), b"r2")
    assert (reject.frame_id, reject.code) == (None, "too_many_sessions")
    assert desk.send(frame_parts(1)) == []


def test_a_pong_names_epoch_token_and_what_is_held() -> None:
    desk = Desk().greeted()
    for frame_id in (3, 2**64 - 1):
        desk.send(frame_parts(frame_id))
    desk.finish(desk.next_job())
    assert desk.send(encode(Ping(SESSION, 9))) == [Pong("epoch-1", 9, (2**64 - 1,))]


def test_goodbye_drops_what_waits_and_the_running_frame_is_answered_to_nobody() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    desk.send(frame_parts(2))
    running = desk.next_job()
    assert desk.send(encode(Bye(SESSION))) == []
    assert desk.finish(running) is None
    assert desk.work.load() == (0, 0)
    assert desk.outcomes() == {"abandoned": 1, "result": 1}
    assert desk.send(encode(Bye(SESSION))) == []


def test_idle_sessions_and_streams_are_forgotten() -> None:
    desk = Desk(session_idle_s=60, stream_idle_s=90).greeted()
    desk.send(frame_parts(1))
    desk.finish(desk.next_job())
    desk.clock.now = 60.0
    desk.reception.tick()
    assert (len(desk.reception.sessions), len(desk.reception.replies), len(desk.reception.streams)) == (0, 0, 1)
    desk.clock.now = 90.0
    desk.reception.tick()
    assert len(desk.reception.streams) == 0
    assert desk.events == [{"event": "stream_started", "stream": "haadf"}, {"event": "stream_stopped", "stream": "haadf"}]


# ---------------------------------------------------------------------------------------------------- one answer a frame


def test_a_frame_is_queued_with_its_deadline_counted_from_receipt() -> None:
    desk = Desk().greeted()
    desk.clock.now = 100.0
    assert desk.send(frame_parts(1, deadline_ms=250.0, policy="latest")) == []
    job = desk.next_job()
    assert (job.received_at, job.deadline, job.policy, job.nbytes) == (100.0, 100.25, "latest", PIXELS.nbytes)
    np.testing.assert_array_equal(job.payload.pixels, PIXELS)
    assert not job.payload.pixels.flags.writeable


def test_an_answer_goes_to_the_connection_that_the_session_was_last_heard_on() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1), b"r1")
    desk.send(encode(Ping(SESSION)), b"r2")
    route, message = desk.finish(desk.next_job())
    assert (route, message.result.frame_id) == (b"r2", 1)


def test_a_resend_of_a_pending_frame_is_not_analysed_twice() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    assert desk.send(frame_parts(1), b"r2") == []
    assert desk.work.load()[0] == 1
    assert desk.finish(desk.next_job())[0] == b"r2"


def test_a_resend_of_an_answered_frame_gets_the_kept_reply_byte_for_byte() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    first = desk.finish(desk.next_job(), mean=0.25)[1]
    (again,) = desk.reception.receive(b"r2", [bytes(part) for part in frame_parts(1)])
    assert again.route == b"r2"
    (message,) = read(again)
    assert message.result.timing == first.result.timing
    np.testing.assert_array_equal(message.result.mean, first.result.mean)
    assert (desk.work.load()[0], desk.reception.repeated) == (0, 1)


def test_a_rejection_is_an_answer_and_is_repeated_too() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    job = desk.next_job()
    desk.work.finish(job)
    desk.settle(reject_answer(job, "frame_invalid", "too dark"))
    assert desk.send(frame_parts(1)) == [Reject(1, "haadf", "frame_invalid", "too dark")]


@pytest.mark.parametrize("answered", [False, True])
def test_the_same_id_with_other_pixels_is_refused_and_the_first_frame_is_still_answered(answered: bool) -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    job = desk.next_job()
    if answered:
        desk.finish(job)
    (reject,) = desk.send(frame_parts(1, pixels=PIXELS + 1))
    assert (reject.frame_id, reject.code) == (1, "frame_id_reused")
    if not answered:
        assert desk.finish(job)[1].result.frame_id == 1


@pytest.mark.parametrize("change", [{"stream": "bf"}, {"pixels": PIXELS.reshape(8, 32)}, {"pixels": PIXELS.view(np.int16)}])
def test_the_same_bytes_as_another_frame_are_other_pixels(change: dict[str, Any]) -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    (reject,) = desk.send(frame_parts(1, **change))
    assert reject.code == "frame_id_reused"


def test_a_resend_with_less_time_left_is_the_same_frame() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1, deadline_ms=500.0))
    assert desk.send(frame_parts(1, deadline_ms=400.0, done=(0,))) == []


def test_a_reply_that_is_done_is_let_go_and_the_frame_is_not_analysed_again() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    desk.finish(desk.next_job())
    desk.send(encode(Ping(SESSION, done=(1,))))
    assert len(desk.reception.replies) == 0
    (reject,) = desk.send(frame_parts(1))
    assert (reject.frame_id, reject.code) == (1, "reply_expired")


def test_replies_that_found_no_room_in_the_cache_have_expired() -> None:
    desk = Desk(reply_cache_bytes=0).greeted()
    desk.send(frame_parts(1))
    desk.finish(desk.next_job())
    assert desk.send(frame_parts(1))[0].code == "reply_expired"


def test_a_frame_is_settled_once() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    job = desk.next_job()
    assert desk.finish(job) is not None
    assert desk.settle(reject_answer(job, "internal", "late")) is None
    assert desk.outcomes() == {"result": 1}


def test_a_superseded_frame_is_answered_at_once() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1, policy="latest"))
    (reject,) = desk.send(frame_parts(2, policy="latest"))
    assert (reject.frame_id, reject.code) == (1, "superseded")
    assert desk.next_job().frame_id == 2
    assert desk.send(frame_parts(1, policy="latest"))[0].code == "superseded"


# -------------------------------------------------------------------------------------------------------------- limits


def test_a_frame_beyond_the_credit_is_refused_and_may_come_again_later() -> None:
    desk = Desk(credit_frames=1).greeted()
    desk.send(frame_parts(1))
    (reject,) = desk.send(frame_parts(2))
    assert (reject.frame_id, reject.code) == (2, "credit_exceeded")
    desk.finish(desk.next_job())
    assert desk.send(frame_parts(2)) == []
    assert desk.outcomes() == {"credit_exceeded": 1, "result": 1}


def test_credit_in_bytes_counts_too() -> None:
    size = PIXELS.nbytes
    desk = Desk(credit_bytes=2 * size, frame_bytes=size, queued_bytes=9 * size).greeted()
    assert [desk.send(frame_parts(i)) for i in (1, 2)] == [[], []]
    assert desk.send(frame_parts(3))[0].code == "credit_exceeded"


def test_a_full_queue_refuses_and_gives_the_credit_back() -> None:
    desk = Desk(queued_frames=1, credit_frames=2).greeted()
    desk.send(frame_parts(1))
    assert desk.send(frame_parts(2))[0].code == "overloaded"
    assert desk.send(encode(Ping(SESSION))) == [Pong("epoch-1", 0, (1,))]


def test_one_stream_too_many_is_refused_and_the_others_go_on() -> None:
    desk = Desk(streams=1).greeted()
    desk.send(frame_parts(1))
    assert desk.send(frame_parts(2, stream="bf"))[0].code == "too_many_streams"
    assert desk.send(frame_parts(3)) == []
    assert desk.reception.refused == {"too_many_streams": 1}


def test_a_draining_server_takes_nothing_new_and_remembers_nothing_of_it() -> None:
    desk = Desk().greeted()
    desk.send(frame_parts(1))
    running = desk.next_job()
    desk.work.drain(0.0)
    assert desk.send(frame_parts(2))[0].code == "draining"
    assert desk.send(frame_parts(1)) == []
    assert desk.send(encode(Ping(SESSION))) == [Pong("epoch-1", 0, (1,))]
    assert desk.finish(running)[1].result.frame_id == 1


# ----------------------------------------------------------------------------------------------------------- strangers

HEADER = json.loads(bytes(frame_parts(5)[1]))


def altered(**changes: Any) -> list[bytes]:
    parts = [bytes(part) for part in frame_parts(5)]
    parts[1] = json.dumps({**HEADER, **changes}).encode()
    return parts


UNREADABLE: list[tuple[str, list[bytes], str, int | None]] = [
    ("no parts", [], "protocol_mismatch", None),
    ("one empty part", [b""], "protocol_mismatch", None),
    ("another protocol", [b"HTTP/1.1", b"{}"], "protocol_mismatch", None),
    ("another version", [b"ELIT\x02\x02", b"{}"], "protocol_mismatch", None),
    ("a server's message", [b"ELIT\x01\x42", b"{}"], "protocol_mismatch", None),
    ("an unknown kind", [b"ELIT\x01\xff", b"{}"], "protocol_mismatch", None),
    ("no header", [b"ELIT\x01\x02"], "header_invalid", None),
    ("an empty header", [b"ELIT\x01\x02", b""], "header_invalid", None),
    ("nine parts", [b"ELIT\x01\x02", b"{}", *[b""] * 7], "header_invalid", None),
    ("a huge header", [b"ELIT\x01\x02", b" " * 4097], "header_invalid", None),
    ("a deeply nested header", [b"ELIT\x01\x02", b"[" * 2000 + b"]" * 2000], "header_invalid", None),
    ("a header that is a list", [b"ELIT\x01\x02", b"[]"], "header_invalid", None),
    ("no session", altered(session=None), "header_invalid", 5),
    ("a shape that overflows", altered(shape=[2**62, 4]), "frame_invalid", 5),
    ("a negative side", altered(shape=[-16, -16]), "frame_invalid", 5),
    ("a side of zero", altered(shape=[0, 16]), "frame_invalid", 5),
    ("too few bytes", altered(shape=[16, 17]), "frame_invalid", 5),
    ("too many bytes", altered(shape=[16, 15]), "frame_invalid", 5),
    ("big-endian floats", altered(dtype=">f4"), "frame_invalid", 5),
    ("objects", altered(dtype="|O"), "frame_invalid", 5),
    ("void", altered(dtype="|V8"), "frame_invalid", 5),
    ("a structured dtype", altered(dtype=[["a", "<f4"]]), "frame_invalid", 5),
    ("a frame id below zero", altered(frame_id=-1), "header_invalid", None),
    ("a frame id beyond 64 bits", altered(frame_id=2**64), "header_invalid", None),
    ("a frame id that is no integer", altered(frame_id=1.5), "header_invalid", None),
    ("a stream that is no name", altered(stream="../x"), "header_invalid", 5),
    ("an unknown key", altered(priority=9), "header_invalid", 5),
    ("a negative deadline", altered(deadline_ms=-1), "header_invalid", 5),
    ("two buffers", [*[bytes(p) for p in frame_parts(5)], b"x"], "header_invalid", 5),
]


@pytest.mark.parametrize(("parts", "code", "frame_id"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_can_not_be_read_is_refused_once_counted_and_forgotten(parts: list[bytes], code: str, frame_id: int | None) -> None:
    desk = Desk().greeted()
    (reject,) = desk.send(parts, b"stranger")
    assert (reject.code, reject.frame_id) == (code, frame_id)
    assert desk.reception.refused == {code: 1}
    assert (len(desk.reception.sessions), len(desk.reception.streams), desk.work.load()) == (1, 0, (0, 0))


def test_a_flood_of_nonsense_leaves_few_lines_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for index in range(1000):
        desk.clock.now = index * 0.02
        desk.send([b"nonsense"])
    assert desk.reception.refused == {"protocol_mismatch": 1000}
    assert len(caplog.records) == 2
    assert "499 more like it" in caplog.records[1].getMessage()
