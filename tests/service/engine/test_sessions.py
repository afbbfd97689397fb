"""Sessions: what a frame leads to by what is known of its id, credit, and who is forgotten when."""

from __future__ import annotations

import pytest

from elitscope_service.engine.sessions import Held, Session, SessionTable, Verdict

SAME, OTHER = 11, 22


def session_knowing(state: str) -> Session:
    session = Session("k", b"r", 0.0)
    if state != "new":
        session.admit(5, Held(SAME, 100))
    if state.startswith("answered"):
        assert session.answer(5, remembered=10)
    return session


TABLE = [
    ("new", SAME, Verdict.ADMIT),
    ("new", OTHER, Verdict.ADMIT),
    ("pending", SAME, Verdict.IGNORE),
    ("pending", OTHER, Verdict.REUSED),
    ("answered, kept", SAME, Verdict.REPEAT),
    ("answered, kept", OTHER, Verdict.REUSED),
    ("answered, not kept", SAME, Verdict.EXPIRED),
    ("answered, not kept", OTHER, Verdict.REUSED),
]


@pytest.mark.parametrize(("state", "fingerprint", "verdict"), TABLE)
def test_a_frame_leads_to_what_the_table_says(state: str, fingerprint: int, verdict: Verdict) -> None:
    assert session_knowing(state).judge(5, lambda: fingerprint, reply_kept=state == "answered, kept") is verdict


def test_a_released_frame_is_new_when_it_comes_again() -> None:
    session = session_knowing("pending")
    session.release(5)
    assert session.judge(5, lambda: OTHER, reply_kept=False) is Verdict.ADMIT
    assert session.pending_bytes == 0


def test_a_frame_is_answered_once() -> None:
    session = session_knowing("pending")
    assert session.answer(5, remembered=10)
    assert not session.answer(5, remembered=10)
    assert (session.pending, session.pending_bytes) == ({}, 0)


def test_only_so_many_answered_ids_are_remembered_and_ids_may_wrap_around() -> None:
    session = Session("k", b"r", 0.0)
    ids = [2**64 - 2, 2**64 - 1, 0, 1]
    for frame_id in ids:
        session.admit(frame_id, Held(SAME, 1))
        session.answer(frame_id, remembered=3)
    assert [session.judge(i, lambda: SAME, reply_kept=False) for i in ids] == [Verdict.ADMIT, *[Verdict.EXPIRED] * 3]


@pytest.mark.parametrize(
    ("pending", "nbytes", "credit"),
    [
        ([], 1000, True),
        ([10], 90, True),
        ([10], 91, False),
        ([10, 10], 80, True),
        ([1, 1, 1], 1, False),
        ([100], 0, True),
        ([101], 0, False),
    ],
)
def test_credit_is_counted_in_frames_and_bytes_and_one_frame_alone_always_has_it(pending: list[int], nbytes: int, credit: bool) -> None:
    session = Session("k", b"r", 0.0)
    for frame_id, size in enumerate(pending):
        session.admit(frame_id, Held(SAME, size))
    assert session.has_credit(nbytes, frames_limit=3, bytes_limit=100) is credit


def table(limit: int = 2) -> SessionTable:
    return SessionTable(limit, idle_s=600.0, grace_s=30.0)


def test_any_message_of_a_session_moves_it_to_the_connection_it_came_on() -> None:
    sessions = table()
    sessions.greet("a", b"old", 0.0)
    heard = sessions.hear("a", b"new", 1.0)
    assert heard is not None and (heard.route, heard.last_heard) == (b"new", 1.0)
    again, _ = sessions.greet("a", b"newer", 2.0)
    assert again is heard and heard.route == b"newer"
    assert len(sessions) == 1


def test_an_unknown_session_is_not_made_by_being_heard() -> None:
    sessions = table()
    assert sessions.hear("a", b"r", 0.0) is None
    assert sessions.find("a") is None


def test_a_full_table_refuses_while_everyone_was_just_heard() -> None:
    sessions = table()
    sessions.greet("a", b"1", 0.0)
    sessions.greet("b", b"2", 0.0)
    assert sessions.greet("c", b"3", 29.9) == (None, [])


def test_a_full_table_lets_the_longest_silent_go_for_a_newcomer() -> None:
    sessions = table()
    first, _ = sessions.greet("a", b"1", 0.0)
    sessions.greet("b", b"2", 0.5)
    newcomer, gone = sessions.greet("c", b"3", 31.0)
    assert newcomer is not None
    assert gone == [first]
    assert sessions.find("b") is not None


@pytest.mark.parametrize(("now", "gone"), [(599.9, False), (600.0, True)])
def test_idle_sessions_are_forgotten_and_those_with_pending_frames_are_not(now: float, gone: bool) -> None:
    sessions = table()
    sessions.greet("idle", b"1", 0.0)
    busy, _ = sessions.greet("busy", b"2", 0.0)
    assert busy is not None
    busy.admit(1, Held(SAME, 1))
    assert [s.key for s in sessions.expire(now)] == (["idle"] if gone else [])
    assert sessions.find("busy") is busy
    assert (sessions.find("idle") is None) is gone
