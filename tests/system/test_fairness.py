"""Streams share the server by cost: a huge frame is worked on in tiles, and others get their turn in between."""

import threading

import numpy as np

from elitscope import Client, Result
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE

SMALL = dots((64, 72), lattice((64, 72)), floor=0.1)


def test_small_frames_are_answered_while_a_huge_one_is_worked_on(server):
    huge = np.tile(SMALL, (40, 36))
    done = threading.Event()
    replies = []

    def send_huge():
        with Client(server.server, stream="huge", outputs=("atoms",), timeout=PATIENCE) as client:
            replies.extend(client.stream([huge] * 6, sampling=0.1))
        done.set()

    sender = threading.Thread(target=send_huge)
    answered = 0
    with Client(server.server, stream="small", outputs=("atoms",), timeout=PATIENCE) as client:
        client.connect()
        sender.start()
        while not done.is_set():
            assert isinstance(client.infer(SMALL, sampling=0.1), Result)
            answered += 1
    sender.join()
    assert all(isinstance(reply, Result) for reply in replies)
    assert answered > 2 * len(replies)


def test_latest_answers_the_newest_and_tells_the_others_that_they_were_superseded(server):
    frames = [np.tile(SMALL, (12, 12)) + i for i in range(30)]
    with Client(server.server, stream="latest", policy="latest", outputs=("atoms",), timeout=PATIENCE) as client:
        replies = list(client.stream(frames, sampling=0.1))
    assert [reply.frame_id for reply in replies] == list(range(30))
    codes = {reply.code for reply in replies if not isinstance(reply, Result)}
    assert codes <= {"superseded"}
    assert isinstance(replies[-1], Result)
    sequences = [reply.sequence for reply in replies if isinstance(reply, Result)]
    assert sequences == sorted(sequences)


def test_a_spent_deadline_is_rejected_and_the_next_frame_is_not(server):
    with Client(server.server, stream="late", deadline_ms=1.0, outputs=("atoms",), timeout=PATIENCE) as client:
        replies = list(client.stream([np.tile(SMALL, (12, 12))] * 4, sampling=0.1))
    assert {reply.code for reply in replies} == {"deadline_exceeded"}
    with Client(server.server, stream="late", outputs=("atoms",), timeout=PATIENCE) as client:
        assert isinstance(client.infer(SMALL, sampling=0.1), Result)
