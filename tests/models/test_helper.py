from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from elitscope_models.helper import Helper


@pytest.fixture
def one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_every_task_is_done_once_whoever_does_it() -> None:
    done: list[int] = []
    helper = Helper()
    for count in (0, 1, 2, 50):
        done.clear()
        helper.share([lambda number=number: done.append(number) for number in range(count)])  # type: ignore[misc]
        assert sorted(done) == list(range(count))


def test_a_helper_that_is_busy_is_not_waited_for() -> None:
    helper, busy, go_on = Helper(), threading.Event(), threading.Event()

    def hold() -> bool:
        busy.set()
        return go_on.wait(60)

    held = helper.hand(hold)
    if len(os.sched_getaffinity(0)) > 1:
        assert busy.wait(60)
    done: list[str] = []
    if busy.is_set():
        helper.share([lambda: done.append("shared")])
        assert helper.hand(lambda: "handed").result() == "handed"
        assert done == ["shared"]
    go_on.set()
    assert held.result()


def test_what_a_task_raises_reaches_who_shares_it() -> None:
    def fail() -> None:
        raise ValueError("this one")

    helper = Helper()
    with pytest.raises(ValueError, match="this one"):
        helper.share([fail] * 8)
    with pytest.raises(ValueError, match="this one"):
        helper.hand(fail).result()


def test_there_is_no_second_thread_on_one_core(one_core: None) -> None:
    ran: list[int] = []
    helper = Helper()
    helper.share([lambda: ran.append(threading.get_ident())] * 8)
    assert helper.hand(threading.get_ident).result() == threading.get_ident()
    assert set(ran) == {threading.get_ident()}
