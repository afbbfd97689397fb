"""The session without I/O: every frame is answered exactly once, whatever gets lost on the way."""

import numpy as np
import pytest

from elitscope.errors import FrameInvalid, Overloaded, ProtocolMismatch, ServerGone
from elitscope.messages import Bye, FrameMessage, Hello, Limits, Ping, Pong, Reject, ResultMessage, Welcome
from elitscope.session import Answer, Session, State, Timings
from elitscope.types import Rejection, Result, Timing

ID = "ab" * 16


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def frame(frame_id, deadline_ms=None, side=4):
    return FrameMessage("0" * 32, frame_id, "haadf", np.zeros((side, side), np.uint8), deadline_ms=deadline_ms)


def result(frame_id):
    return ResultMessage(Result(frame_id, "haadf", 0, "g", "1", (0,), 0, "plan", ("C",), None, (), Timing()))


def sent(session):
    messages = list(session.send)
    session.send.clear()
    return messages


def sent_ids(session):
    return [message.frame_id for message in sent(session) if isinstance(message, FrameMessage)]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(clock):
    return Session(ID, "test", clock, Timings(heartbeat=1, reconnect=3, give_up=20, retry=1))


@pytest.fixture
def opened(session, clock):
    session.submit(frame(0))
    session.tick()
    assert [type(m) for m in sent(session)] == [Hello]
    session.receive(Welcome("e1", "server", Limits(credit_frames=3)))
    assert sent_ids(session) == [0]
    clock.now += 1
    session.receive(Pong("e1", 0, (0,)))
    return session


def test_frames_wait_for_the_welcome(session):
    session.submit(frame(0))
    session.submit(frame(1))
    session.tick()
    assert [type(m) for m in sent(session)] == [Hello]
    session.receive(Welcome("e1", "server"))
    assert sent_ids(session) == [0, 1]


def test_a_second_welcome_sends_nothing_again(opened):
    opened.receive(Welcome("e1", "server"))
    assert sent_ids(opened) == []
    opened.receive(Welcome("e2", "server"))
    assert sent_ids(opened) == [0]


def test_an_answer_comes_once(opened):
    assert [answer.frame_id for answer in opened.receive(result(0))] == [0]
    assert opened.receive(result(0)) == []
    assert opened.unanswered == 0


def test_no_more_frames_go_out_than_credit_allows(opened):
    for i in range(1, 6):
        opened.submit(frame(i))
    assert sent_ids(opened) == [1, 2]
    opened.receive(result(1))
    assert sent_ids(opened) == [3]


def test_credit_in_bytes_holds_frames_back_but_never_the_only_one(session, clock):
    session.tick()
    session.receive(Welcome("e1", "server", Limits(credit_frames=8, credit_bytes=100, frame_bytes=1000)))
    session.submit(frame(0, side=20))
    session.submit(frame(1, side=4))
    assert sent_ids(session) == [0]
    session.receive(result(0))
    assert sent_ids(session) == [1]


def test_arrivals_are_reported_with_the_next_message(opened):
    opened.receive(result(0))
    opened.submit(frame(1))
    assert [m.done for m in sent(opened) if isinstance(m, FrameMessage)] == [(0,)]


def test_a_frame_that_the_server_does_not_hold_is_sent_again(opened, clock):
    clock.now += 1
    opened.tick()
    (ping,) = sent(opened)
    assert isinstance(ping, Ping)
    opened.receive(Pong("e1", ping.token, pending=()))
    assert sent_ids(opened) == [0]


def test_a_frame_that_the_server_holds_is_not_sent_again(opened, clock):
    clock.now += 1
    opened.tick()
    (ping,) = sent(opened)
    opened.receive(Pong("e1", ping.token, pending=(0,)))
    assert sent_ids(opened) == []


def test_a_pong_says_nothing_of_frames_sent_after_its_ping(opened, clock):
    clock.now += 1
    opened.tick()
    (ping,) = sent(opened)
    opened.submit(frame(1))
    assert sent_ids(opened) == [1]
    opened.receive(Pong("e1", ping.token, pending=(0,)))
    assert sent_ids(opened) == []


def test_an_unknown_session_greets_again_and_sends_everything_unanswered(opened):
    opened.submit(frame(1))
    sent(opened)
    opened.receive(Reject(0, "haadf", "session_unknown", ""))
    opened.receive(Reject(1, "haadf", "session_unknown", ""))
    assert opened.state is State.GREETING
    assert [type(m) for m in sent(opened)] == [Hello]
    opened.receive(Welcome("e2", "server"))
    assert sent_ids(opened) == [0, 1]


def test_another_epoch_greets_again(opened, clock):
    opened.receive(Pong("e2", 1, (0,)))
    assert opened.state is State.GREETING
    assert [type(m) for m in sent(opened)] == [Hello]


def test_a_draining_server_is_asked_again_later(opened, clock):
    assert opened.receive(Reject(0, "haadf", "draining", "")) == []
    assert sent_ids(opened) == []
    clock.now += 1.01
    opened.tick()
    assert sent_ids(opened) == [0]


def test_a_rejection_is_an_answer(opened):
    assert opened.receive(Reject(0, "haadf", "overloaded", "full")) == [Answer(0, Rejection(0, "haadf", "overloaded", "full"))]


def test_silence_asks_for_a_new_connection_and_then_gives_up(opened, clock):
    for _ in range(3):
        clock.now += 1
        assert opened.tick() == []
    assert opened.reconnect_wanted
    opened.reconnected()
    assert [type(m) for m in sent(opened)] == [Hello]
    assert not opened.reconnect_wanted
    clock.now += 17
    (answer,) = opened.tick()
    assert answer.frame_id == 0
    assert isinstance(answer.outcome, ServerGone)
    assert isinstance(opened.failure, ServerGone)


def test_after_giving_up_a_new_frame_tries_afresh(opened, clock):
    clock.now += 20
    opened.tick()
    sent(opened)
    clock.now += 500
    opened.submit(frame(9))
    assert opened.tick() == []
    assert [type(m) for m in sent(opened)] == [Hello]
    opened.receive(Welcome("e2", "server"))
    assert sent_ids(opened) == [9]
    assert opened.failure is None


def test_time_without_frames_under_way_is_no_silence(opened, clock):
    opened.receive(result(0))
    clock.now += 1000
    assert opened.tick() == []
    assert not opened.reconnect_wanted
    opened.submit(frame(1))
    assert opened.tick() == []
    assert sent_ids(opened) == [1]


def test_a_spent_budget_is_answered_here_and_the_late_reply_is_dropped(opened, clock):
    opened.submit(frame(1, deadline_ms=500))
    sent(opened)
    clock.now += 0.5
    (answer,) = opened.tick()
    assert answer.outcome.code == "deadline_exceeded"
    assert opened.receive(result(1)) == []


def test_a_resend_carries_what_is_left_of_the_budget(opened, clock):
    opened.submit(frame(1, deadline_ms=5000))
    sent(opened)
    clock.now += 2
    opened.receive(Reject(None, "", "session_unknown", ""))
    opened.receive(Welcome("e2", "server"))
    again = next(m for m in sent(opened) if isinstance(m, FrameMessage) and m.frame_id == 1)
    assert again.deadline_ms == pytest.approx(3000)


def test_everything_that_goes_out_carries_the_session(opened, clock):
    clock.now += 1
    opened.submit(frame(1))
    opened.tick()
    opened.receive(Reject(0, "haadf", "session_unknown", ""))
    messages = sent(opened)
    opened.receive(Welcome("e2", "server"))
    opened.close()
    messages += sent(opened)
    assert {message.session for message in messages} == {ID}


def test_a_server_that_forgets_at_once_is_not_greeted_in_a_frenzy(opened, clock):
    greetings = 0
    for _ in range(100):
        clock.now += 0.01
        opened.receive(Reject(0, "haadf", "session_unknown", ""))
        opened.tick()
        if any(isinstance(message, Hello) for message in sent(opened)):
            greetings += 1
            opened.receive(Welcome("e2", "server"))
            sent(opened)
    assert 1 <= greetings <= 2


def test_a_frame_that_outlives_too_many_servers_is_given_up(opened):
    for run in range(2, 6):
        opened.receive(Reject(0, "haadf", "session_unknown", ""))
        assert opened.receive(Welcome(f"e{run}", "server")) == []
    opened.receive(Reject(0, "haadf", "session_unknown", ""))
    (answer,) = opened.receive(Welcome("e6", "server"))
    assert isinstance(answer.outcome, ServerGone)


def test_a_run_that_greets_twice_has_not_ended(opened):
    for run in range(2, 6):
        opened.receive(Reject(0, "haadf", "session_unknown", ""))
        opened.receive(Welcome(f"e{run}", "server"))
    assert opened.receive(Welcome("e5", "server")) == []
    assert opened.unanswered == 1


def test_a_frame_over_the_servers_limit_is_refused_here(session):
    session.submit(frame(0, side=64))
    session.tick()
    (answer,) = session.receive(Welcome("e1", "server", Limits(frame_bytes=100)))
    assert answer.outcome.code == "frame_invalid"
    with pytest.raises(FrameInvalid, match="100"):
        session.submit(frame(1, side=64))
    with pytest.raises(FrameInvalid, match="8 px"):
        session.receive(Welcome("e1", "server", Limits(side=8)))
        session.submit(frame(2, side=9))


def test_an_id_under_way_is_refused(opened):
    with pytest.raises(FrameInvalid, match="0"):
        opened.submit(frame(0))


@pytest.mark.parametrize(("code", "error"), [("protocol_mismatch", ProtocolMismatch), ("too_many_sessions", Overloaded)])
def test_a_refusal_of_the_session_fails_what_is_under_way(opened, code, error):
    (answer,) = opened.receive(Reject(None, "", code, "no"))
    assert isinstance(answer.outcome, error)


def test_closing_says_goodbye_and_nothing_more(opened, clock):
    opened.close()
    assert [type(m) for m in sent(opened)] == [Bye]
    clock.now += 100
    assert opened.tick() == []
    opened.receive(Welcome("e1", "server"))
    assert opened.state is State.CLOSED
    assert sent(opened) == []


TRANSITIONS = {
    (State.GREETING, "welcome"): State.OPEN,
    (State.GREETING, "pong"): State.GREETING,
    (State.GREETING, "pong of another epoch"): State.GREETING,
    (State.GREETING, "session unknown"): State.GREETING,
    (State.GREETING, "refused"): State.GREETING,
    (State.GREETING, "reconnected"): State.GREETING,
    (State.GREETING, "close"): State.CLOSED,
    (State.OPEN, "welcome"): State.OPEN,
    (State.OPEN, "pong"): State.OPEN,
    (State.OPEN, "pong of another epoch"): State.GREETING,
    (State.OPEN, "session unknown"): State.GREETING,
    (State.OPEN, "refused"): State.GREETING,
    (State.OPEN, "reconnected"): State.GREETING,
    (State.OPEN, "close"): State.CLOSED,
    (State.CLOSED, "welcome"): State.CLOSED,
    (State.CLOSED, "pong"): State.CLOSED,
    (State.CLOSED, "pong of another epoch"): State.CLOSED,
    (State.CLOSED, "session unknown"): State.CLOSED,
    (State.CLOSED, "refused"): State.CLOSED,
    (State.CLOSED, "reconnected"): State.CLOSED,
    (State.CLOSED, "close"): State.CLOSED,
}

INPUTS = {
    "welcome": lambda s: s.receive(Welcome("e1", "server")),
    "pong": lambda s: s.receive(Pong("e1", 0, (0,))),
    "pong of another epoch": lambda s: s.receive(Pong("e2", 0, (0,))),
    "session unknown": lambda s: s.receive(Reject(None, "", "session_unknown", "")),
    "refused": lambda s: s.receive(Reject(None, "", "too_many_sessions", "")),
    "reconnected": lambda s: s.reconnected(),
    "close": lambda s: s.close(),
}


@pytest.mark.parametrize(("state", "name"), TRANSITIONS, ids=lambda v: getattr(v, "value", v))
def test_every_input_in_every_state_leads_where_the_table_says(session, state, name):
    session.submit(frame(0))
    if state is not State.GREETING:
        session.receive(Welcome("e1", "server"))
    if state is State.CLOSED:
        session.close()
    assert session.state is state
    INPUTS[name](session)
    assert session.state is TRANSITIONS[state, name]


@pytest.mark.parametrize("seed", range(30))
def test_every_frame_is_answered_once_over_a_link_that_loses_things(seed):
    """A server that keeps its word over a link that drops messages of either direction, and now and then restarts."""
    rng = np.random.default_rng(seed)
    clock = Clock()
    session = Session(ID, "test", clock, Timings(give_up=1e9, runs=10**6))
    epoch, pending, cache, answered = 1, [], {}, []
    known = False
    next_id = 0

    def reply(message):
        if rng.random() > 0.2:
            answered.extend(session.receive(message))

    for step in range(2000):
        clock.now += 0.05
        if next_id < 40 and rng.random() < 0.3:
            session.submit(frame(next_id))
            next_id += 1
        answered.extend(session.tick())
        if session.reconnect_wanted:
            session.reconnected()
        for message in sent(session):
            if rng.random() < 0.2:
                continue
            if isinstance(message, Hello):
                known = True
                reply(Welcome(f"e{epoch}", "server", Limits(credit_frames=4)))
            elif not known:
                reply(Reject(getattr(message, "frame_id", None), "", "session_unknown", ""))
            elif isinstance(message, Ping):
                reply(Pong(f"e{epoch}", message.token, tuple(pending)))
            elif isinstance(message, FrameMessage):
                if message.frame_id in cache:
                    reply(cache[message.frame_id])
                elif message.frame_id not in pending:
                    pending.append(message.frame_id)
        if pending and rng.random() < 0.5:
            done = pending.pop(0)
            cache[done] = result(done)
            reply(cache[done])
        if step in (500, 900):
            epoch, pending, cache, known = epoch + 1, [], {}, False
    assert sorted(answer.frame_id for answer in answered) == list(range(40))
    assert all(isinstance(answer.outcome, Result) for answer in answered)
