"""When a child that ended is started again."""

from __future__ import annotations

import pytest

from elitscope_service.supervision import Patience, RestartPolicy

PATIENCE = Patience(first_s=1.0, most_s=8.0, healthy_s=100.0)


def test_a_child_that_was_never_ready_can_not_start() -> None:
    assert RestartPolicy(PATIENCE).ended(5.0) is None


@pytest.mark.parametrize(("lived", "delays"), [(1.0, [0, 1, 2, 4, 8, 8]), (99.9, [0, 1, 2, 4, 8, 8]), (100.0, [0, 0, 0])])
def test_a_child_that_keeps_ending_is_started_ever_later_unless_it_was_healthy(lived: float, delays: list[float]) -> None:
    policy, now, found = RestartPolicy(PATIENCE), 0.0, []
    for _ in delays:
        policy.ready(now)
        now += lived
        found.append(policy.ended(now))
    assert found == delays


def test_a_child_that_was_ready_once_is_tried_again_even_where_it_does_not_get_ready() -> None:
    policy = RestartPolicy(PATIENCE)
    policy.ready(0.0)
    assert [policy.ended(t) for t in (1.0, 2.0, 3.0)] == [0, 1, 2]


def test_health_is_forgiven_once() -> None:
    policy = RestartPolicy(PATIENCE)
    policy.ready(0.0)
    policy.ended(1.0)
    policy.ready(1.0)
    assert policy.ended(200.0) == 0
    assert policy.ended(201.0) == 1
