"""The engine on real sockets: what adversaries try, who is told what, and how it starts, drains and stops."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import zmq

from elitscope.messages import Bye, FrameMessage, Hello, Ping, Pong, Reject, ResultMessage, Status, Welcome
from elitscope_models.analyse import analyse
from elitscope_models.ensemble import Ensemble
from elitscope_service.engine.sockets import AddressTaken
from elitscope_service.status import EngineStatus, EnsembleState
from tests.service.builders import OTHER_SESSION, SESSION, frame
from tests.service.wire import Peer, RunningEngine, Subscriber
from tests.support.frames import dots, lattice

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)

StartEngine = Callable[..., RunningEngine]


def shot(frame_id: int = 0, **changes: Any) -> FrameMessage:
    return frame(frame_id, **{"pixels": FRAME, **changes})


def status_of(engine: RunningEngine, wanted: Callable[[EngineStatus], bool] = lambda status: True) -> EngineStatus:
    """The first published status that fits."""
    with Subscriber(engine.publish, "status/") as subscriber:
        message = subscriber.until(lambda topic, status: wanted(EngineStatus.model_validate(status.body)), most=200)
        return EngineStatus.model_validate(message.body)


# --------------------------------------------------------------------------------------------------------------- frames


def test_a_frame_comes_back_as_the_offline_analysis(start_engine: StartEngine, toy_ensemble: Ensemble) -> None:
    offline = analyse(FRAME, None, toy_ensemble)
    with Peer(start_engine().bind).greet(SESSION) as peer:
        reply = peer.ask(shot())
    assert isinstance(reply, ResultMessage) and reply.result.mean is not None and reply.result.atoms is not None
    assert reply.result.mean.tobytes() == offline.mean.tobytes()
    assert reply.result.atoms.tobytes() == offline.atoms.tobytes()
    assert reply.result.plan == offline.plan
    timing = reply.result.timing
    assert timing.total_ms >= timing.queue_ms + timing.preprocess_ms + timing.inference_ms + timing.atoms_ms - 0.01


def test_misaligned_pixels_are_read_right(start_engine: StartEngine, toy_ensemble: Ensemble) -> None:
    """Small messages lie anywhere in memory."""
    offline = analyse(FRAME[:8, :9].astype(np.float64), None, toy_ensemble)
    with Peer(start_engine().bind).greet(SESSION) as peer:
        for frame_id in range(20):
            reply = peer.ask(shot(frame_id, pixels=FRAME[:8, :9].astype(np.float64), outputs=("mean",)))
            assert isinstance(reply, ResultMessage) and reply.result.mean is not None
            assert reply.result.mean.tobytes() == offline.mean.tobytes()


def test_frames_of_a_stream_are_answered_in_order_and_numbered(start_engine: StartEngine) -> None:
    with Peer(start_engine().bind).greet(SESSION) as peer:
        for frame_id in (5, 3, 2**64 - 1, 0):
            peer.send(shot(frame_id, outputs=("atoms",)))
        replies = [peer.receive() for _ in range(4)]
    results = [reply.result for reply in replies if isinstance(reply, ResultMessage)]
    assert [(result.frame_id, result.sequence) for result in results] == [(5, 0), (3, 1), (2**64 - 1, 2), (0, 3)]


def test_a_resend_on_another_connection_gets_the_kept_reply(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        first = peer.ask(shot())
    with Peer(engine.bind).greet(SESSION) as peer:
        second = peer.ask(shot())
    assert isinstance(first, ResultMessage) and isinstance(second, ResultMessage)
    assert first.result.timing == second.result.timing
    assert second.result.sequence == 0


def test_two_cameras_that_claim_one_identity_each_get_their_own_replies(start_engine: StartEngine) -> None:
    """ZeroMQ refuses the second connection under a routing id; sessions don't depend on it, and a third camera is not touched."""
    engine = start_engine()
    with Peer(engine.bind).greet(OTHER_SESSION) as bystander:
        for session in ("1" * 32, "2" * 32):
            with Peer(engine.bind) as peer:
                peer.socket.setsockopt(zmq.IDENTITY, b"camera")
                peer.greet(session)
                reply = peer.ask(shot(session=session))
                assert isinstance(reply, ResultMessage)
        assert isinstance(bystander.ask(shot(session=OTHER_SESSION)), ResultMessage)


def test_a_reply_whose_client_went_away_waits_for_its_return(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind, LINGER=10_000).greet(SESSION) as peer:  # a closed socket that does not linger may never send it
        peer.send(shot())
    status_of(engine, lambda status: bool(status.streams) and status.streams[0].outcomes == {"result": 1})
    with Peer(engine.bind) as peer:
        assert peer.ask(Ping(SESSION, 1)) == Pong(engine.engine.epoch, 1, ())
        reply = peer.ask(shot())
    assert isinstance(reply, ResultMessage) and reply.result.sequence == 0


def test_a_deadline_that_can_not_be_met_is_answered(start_engine: StartEngine) -> None:
    with Peer(start_engine().bind).greet(SESSION) as peer:
        reply = peer.ask(shot(deadline_ms=1e-6))
    assert isinstance(reply, Reject) and reply.code == "deadline_exceeded"


def test_streams_take_turns_between_tiles(start_engine: StartEngine) -> None:
    """A small frame that comes after a huge one is answered before it."""
    huge = np.tile(FRAME, (40, 36))
    with Peer(start_engine().bind).greet(SESSION) as peer:
        peer.send(shot(1, pixels=huge, stream="huge", outputs=("atoms",)))
        peer.send(shot(2, stream="small", outputs=("atoms",)))
        replies = [peer.receive(120_000) for _ in range(2)]
    assert [reply.result.stream for reply in replies if isinstance(reply, ResultMessage)] == ["small", "huge"]


# ---------------------------------------------------------------------------------------------------------- adversaries

ADVERSARIES: list[tuple[str, list[bytes], str]] = [
    ("an empty part", [b""], "protocol_mismatch"),
    ("a single part", [b"ELIT\x01\x02"], "header_invalid"),
    ("100,000 parts", [b"ELIT\x01\x02", b"{}", *[b""] * 100_000], "header_invalid"),
    ("100,000 parts of nothing of ours", [b"x"] * 100_000, "protocol_mismatch"),
    ("a header of a megabyte", [b"ELIT\x01\x02", b" " * 1_000_000], "header_invalid"),
]


@pytest.mark.parametrize(("parts", "code"), [row[1:] for row in ADVERSARIES], ids=[row[0] for row in ADVERSARIES])
def test_nonsense_is_rejected_once_and_the_stream_beside_it_goes_on(start_engine: StartEngine, parts: Sequence[bytes], code: str) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as bystander, Peer(engine.bind) as peer:
        reply = peer.ask(parts)
        assert isinstance(reply, Reject) and (reply.code, reply.frame_id) == (code, None)
        assert peer.silent()
        assert isinstance(peer.ask(Hello(OTHER_SESSION)), Welcome)
        assert isinstance(bystander.ask(shot()), ResultMessage)


def test_a_part_beyond_the_limit_ends_that_connection_alone(start_engine: StartEngine) -> None:
    engine = start_engine(frame_bytes=1_000_000)
    with Peer(engine.bind).greet(SESSION) as bystander, Peer(engine.bind) as peer:
        peer.send([b"ELIT\x01\x02", b"{}", bytes(1_000_001)])
        assert peer.silent()
        assert isinstance(bystander.ask(shot()), ResultMessage)


def test_a_peer_that_connects_and_speaks_no_zeromq_is_let_go(start_engine: StartEngine) -> None:
    engine = start_engine()
    port = int(engine.bind.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as stranger, Peer(engine.bind).greet(SESSION) as bystander:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + bytes(64))
        stranger.settimeout(120.0)
        while stranger.recv(4096):
            pass
        assert isinstance(bystander.ask(shot()), ResultMessage)


def test_a_peer_that_never_reads_takes_bounded_memory_and_hurts_nobody(start_engine: StartEngine) -> None:
    """Its replies are counted as undelivered once its share is full; they stay to be asked for."""
    engine = start_engine(unsent_bytes=4_000_000)
    big = np.tile(FRAME, (8, 8))
    with Peer(engine.bind, RCVHWM=1, RCVBUF=4096).greet(SESSION) as lazy, Peer(engine.bind).greet(OTHER_SESSION) as bystander:
        for frame_id in range(12):
            lazy.send(shot(frame_id, pixels=big, stream="lazy"))
            lazy.socket.poll(0)
            assert isinstance(bystander.ask(shot(frame_id, session=OTHER_SESSION)), ResultMessage)
        status = status_of(engine, lambda s: s.counters.undelivered_replies > 0)
        assert status.load.unsent_bytes <= 4_000_000 // 4 + 3_000_000


def test_a_hundred_sessions_do_not_push_out_those_that_work(start_engine: StartEngine) -> None:
    engine = start_engine(sessions=10)
    with Peer(engine.bind).greet(SESSION) as peer, Peer(engine.bind) as flood:
        replies = [flood.ask(Hello(f"{number:032x}")) for number in range(100)]
        assert [type(reply) for reply in replies].count(Welcome) == 9
        assert {reply.code for reply in replies if isinstance(reply, Reject)} == {"too_many_sessions"}
        assert isinstance(peer.ask(shot()), ResultMessage)


def test_frames_all_over_the_place_are_answered_one_by_one(start_engine: StartEngine) -> None:
    """All NaN, all inf, constant, saturated: a result or a reason, and always one."""
    strange = [
        np.full(SHAPE, np.nan, np.float32),
        np.full(SHAPE, np.inf, np.float64),
        np.full(SHAPE, 7, np.uint8),
        np.full(SHAPE, 65535, np.uint16),
        np.full(SHAPE, 1e30),
        np.where(FRAME > 0.5, np.nan, FRAME).astype(np.float16),
    ]
    with Peer(start_engine().bind).greet(SESSION) as peer:
        replies = [peer.ask(shot(frame_id, pixels=pixels)) for frame_id, pixels in enumerate(strange)]
        assert peer.silent()
    kinds = [reply.code if isinstance(reply, Reject) else "result" for reply in replies]
    assert kinds[:2] == ["frame_invalid", "frame_invalid"]
    assert set(kinds[2:]) <= {"result", "frame_invalid"}


# ---------------------------------------------------------------------------------------------------------- publications


def test_every_frame_has_a_summary_and_subscribers_get_what_they_ask_for(start_engine: StartEngine) -> None:
    engine = start_engine()
    topics = ("summary/haadf/", "result/", "preview/", "members/haadf/")
    with Subscriber(engine.publish, "status/", *topics) as subscriber, Peer(engine.bind).greet(SESSION) as peer:
        subscriber.receive()
        reply = peer.ask(shot(outputs=("mean",)))
        assert isinstance(reply, ResultMessage)
        found: dict[str, Any] = {}
        while len(found) < 4:
            topic, message = subscriber.receive()
            found |= {topic: message} if isinstance(message, ResultMessage) else {}
    assert {message.result.sequence for message in found.values()} == {reply.result.sequence}
    assert len(found["summary/haadf/"].result.atoms) == len(lattice(SHAPE))
    assert found["result/haadf/"].result.mean.tobytes() == reply.result.mean.tobytes()
    np.testing.assert_array_equal(found["preview/haadf/"].frame, FRAME)
    assert found["members/haadf/"].result.member_maps.shape == (3, 1, *SHAPE)


def test_a_topic_is_not_the_beginning_of_another_streams(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Subscriber(engine.publish, "status/", "summary/1/") as subscriber, Peer(engine.bind).greet(SESSION) as peer:
        subscriber.receive()
        for frame_id, stream in enumerate(("10", "1-", "1")):
            peer.ask(shot(frame_id, stream=stream))
        message = subscriber.until(lambda topic, message: topic.startswith("summary/"))
    assert message.result.stream == "1"


def test_a_subscriber_that_does_not_read_misses_some_and_slows_nobody(start_engine: StartEngine) -> None:
    engine = start_engine(unsent_bytes=2_000_000)
    big = np.tile(FRAME, (6, 6))
    with (
        Subscriber(engine.publish, "status/", "result/", RCVHWM=1, RCVBUF=4096) as stuck,
        Subscriber(engine.publish, "status/", "summary/") as attentive,
        Peer(engine.bind).greet(SESSION) as peer,
    ):
        stuck.receive()
        attentive.receive()
        for frame_id in range(20):
            assert isinstance(peer.ask(shot(frame_id, pixels=big)), ResultMessage)
        last = attentive.until(lambda topic, message: topic.startswith("summary/") and message.result.frame_id == 19)
        assert last.result.atoms is not None
        status_of(engine, lambda status: status.counters.publish_dropped > 0)


def test_a_newcomer_gets_the_status_at_once_and_others_too(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        peer.ask(shot())
    status = status_of(engine, lambda s: bool(s.streams))
    (stream,) = status.streams
    assert (stream.name, stream.outcomes, stream.queue_depth) == ("haadf", {"result": 1}, 0)
    assert (stream.selection.ensemble, stream.selection.members, stream.selection.revision) == ("toy", (0, 1, 2), 1)
    assert stream.total.count == 1
    assert {name: histogram.count for name, histogram in stream.stages.items()} == dict.fromkeys(stream.stages, 1)
    assert (status.epoch, status.default_ensemble) == (engine.engine.epoch, "toy")
    assert [(e.name, e.state) for e in status.ensembles] == [("toy", EnsembleState.READY)]
    assert status.load.resident_bytes > 1e7


def test_an_ensemble_that_gets_ready_is_an_event(start_engine: StartEngine) -> None:
    engine = start_engine(serving=False)
    with Subscriber(engine.publish, "status/", "event/") as subscriber:
        subscriber.receive()
        engine.serve()
        event = subscriber.until(lambda topic, message: topic == "event/" and message.body.get("state") == "ready")
    assert (event.body["event"], event.body["name"]) == ("ensemble", "toy")


def test_a_stream_that_starts_is_an_event(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Subscriber(engine.publish, "status/", "event/") as subscriber, Peer(engine.bind).greet(SESSION) as peer:
        subscriber.receive()
        peer.ask(shot())
        event = subscriber.until(lambda topic, message: topic == "event/" and "stream" in message.body)
    assert (event.body["event"], event.body["stream"], event.body["epoch"]) == ("stream_started", "haadf", engine.engine.epoch)


# ------------------------------------------------------------------------------------------------------------- lifecycle


def test_what_comes_before_the_ensemble_is_ready_waits_for_it(start_engine: StartEngine) -> None:
    engine = start_engine(serving=False)
    with Peer(engine.bind) as peer, Subscriber(engine.publish, "status/") as subscriber:
        peer.send(Hello(SESSION))
        _, status = subscriber.receive()
        assert isinstance(status, Status)
        assert [e["state"] for e in status.body["ensembles"]] == ["on_disk"]
        assert peer.silent()
        engine.serve()
        welcome = peer.receive()
    assert isinstance(welcome, Welcome) and welcome.ensemble is not None
    assert (welcome.ensemble.name, welcome.ensemble.members) == ("toy", (0, 1, 2))


@pytest.mark.parametrize("socket_name", ["bind", "publish"])
def test_an_address_that_is_taken_is_named_and_everything_is_closed_again(start_engine: StartEngine, socket_name: str) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        address = f"tcp://127.0.0.1:{occupant.getsockname()[1]}"
        with pytest.raises(AddressTaken, match=f"{address} can't be bound"):
            start_engine(**{socket_name: address})
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("elitscope-")]


def test_draining_answers_everything_that_was_taken_and_turns_the_rest_away(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        for frame_id in range(4):
            peer.send(shot(frame_id))
        replies: dict[int, str] = {}
        first = peer.ask(Ping(SESSION))
        while not isinstance(first, Pong):  # results may be faster
            assert isinstance(first, ResultMessage)
            replies[first.result.frame_id] = "result"
            first = peer.receive()
        engine.engine.drain(120.0)
        peer.send(shot(9))
        while len(replies) < 5:
            reply = peer.receive()
            if isinstance(reply, ResultMessage):
                replies[reply.result.frame_id] = "result"
            elif isinstance(reply, Reject) and reply.frame_id is not None:
                replies[reply.frame_id] = reply.code
        peer.send(Bye(SESSION))
    assert replies == {0: "result", 1: "result", 2: "result", 3: "result", 9: "draining"}


def test_replies_are_delivered_before_a_drained_engine_closes(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        peer.send(shot(pixels=np.tile(FRAME, (8, 8))))
        assert peer.ask(Ping(SESSION)) is not None
        engine.engine.drain(120.0)
        engine.close()
        assert isinstance(peer.receive(), ResultMessage)


def test_where_the_time_to_drain_is_too_short_waiting_frames_are_sent_back(start_engine: StartEngine) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        for frame_id in range(3):
            peer.send(shot(frame_id, pixels=np.tile(FRAME, (24, 24))))
        replies = [peer.ask(Ping(SESSION))]
        while not isinstance(replies[-1], Pong):  # a result may be faster
            replies.append(peer.receive())
        engine.engine.drain(0.0)
        replies += [peer.receive() for _ in range(4 - len(replies))]
        engine.close()
    codes = sorted(reply.code if isinstance(reply, Reject) else "result" for reply in replies if not isinstance(reply, Pong))
    assert codes in (["draining", "draining", "result"], ["draining", "result", "result"])


def test_closing_joins_every_thread_and_a_healthy_engine_has_no_failure(start_engine: StartEngine) -> None:
    engine = start_engine()
    assert engine.engine.failure() is None
    engine.close()
    assert engine.engine.failure() is not None
