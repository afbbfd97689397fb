"""The reply cache: bounded in bytes over all sessions, least recently used go first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elitscope_service.engine.replies import OVERHEAD_BYTES, ReplyCache, parts_bytes

REPLY = [b"ELIT", np.zeros(25, np.float32).data]
SIZE = 104 + OVERHEAD_BYTES


def test_a_kept_reply_is_given_back_as_it_was() -> None:
    cache = ReplyCache(10 * SIZE)
    cache.keep("a", 1, REPLY)
    assert cache.find("a", 1) is REPLY
    assert cache.find("a", 2) is None
    assert cache.find("b", 1) is None


def test_the_least_recently_used_goes_first_whosever_it_is() -> None:
    cache = ReplyCache(3 * SIZE)
    for key, frame_id in (("a", 1), ("b", 1), ("a", 2)):
        cache.keep(key, frame_id, REPLY)
    cache.find("a", 1)
    cache.keep("c", 1, REPLY)
    assert [cache.find(*entry) is not None for entry in (("a", 1), ("b", 1), ("a", 2), ("c", 1))] == [True, False, True, True]
    assert cache.nbytes == 3 * SIZE


def test_a_reply_as_large_as_the_cache_fits_and_a_larger_one_displaces_nothing() -> None:
    cache = ReplyCache(SIZE)
    cache.keep("a", 1, REPLY)
    assert len(cache) == 1
    cache.keep("a", 2, [*REPLY, b"x"])
    assert cache.find("a", 1) is REPLY
    assert cache.find("a", 2) is None


def test_forgetting_gives_the_room_back_and_may_name_what_is_not_there() -> None:
    cache = ReplyCache(3 * SIZE)
    cache.keep("a", 1, REPLY)
    cache.keep("b", 1, REPLY)
    cache.forget("a", [1, 1, 2**64 - 1])
    assert (cache.find("a", 1), cache.find("b", 1), cache.nbytes) == (None, REPLY, SIZE)


def test_empty_replies_are_not_free() -> None:
    cache = ReplyCache(100 * OVERHEAD_BYTES)
    for frame_id in range(1000):
        cache.keep("a", frame_id, [])
    assert len(cache) == 100


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 3000), st.booleans())))
def test_bytes_are_those_of_what_is_there(operations: list[tuple[str, int, int, bool]]) -> None:
    cache = ReplyCache(4000)
    for key, frame_id, size, keep in operations:
        if keep:
            cache.keep(key, frame_id, [bytes(size)])
        else:
            cache.forget(key, [frame_id])
        kept = [cache.find(k, i) for k in "abc" for i in range(6)]
        assert cache.nbytes == sum(parts_bytes(parts) + OVERHEAD_BYTES for parts in kept if parts is not None) <= 4000
