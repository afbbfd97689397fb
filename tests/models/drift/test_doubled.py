"""Atoms that a map shows twice: counted for the subsets whose mean does, and for no other."""

from __future__ import annotations

import numpy as np

from elitscope_models.drift.doubled import doubled
from tests.support.looks import SHAPE, drawn

PLACES = np.array([[60, 60], [60, 90], [90, 60], [90, 90]])
DOWN = np.array([6, 0])
TWICE = np.concatenate([PLACES[2:], PLACES[:2] - DOWN, PLACES[:2] + DOWN])
RADIUS = 5.0


def share(*chosen: tuple[int, ...]) -> np.ndarray:
    """Weights of two members in each subset's mean."""
    return np.array([[(member in subset) / len(subset) for subset in chosen] for member in range(2)], np.float32)


def surplus(first: np.ndarray, second: np.ndarray, *chosen: tuple[int, ...]) -> list[float]:
    maps = np.stack([drawn(first)[0], drawn(second)[0]])
    return doubled(maps, PLACES, RADIUS, 0.5).surplus(share(*chosen)).tolist()


def test_single_summits_are_no_surplus() -> None:
    assert surplus(PLACES, PLACES + DOWN // 6, (0,), (1,), (0, 1)) == [0.0, 0.0, 0.0]


def test_a_member_that_draws_atoms_twice_has_that_many_more() -> None:
    assert surplus(PLACES, TWICE, (0,), (1,)) == [0.0, 2.0]


def test_what_the_mean_of_maps_shows_counts_and_not_what_its_members_show() -> None:
    maps = np.stack([np.zeros(SHAPE, np.float32), drawn(TWICE, 0.8)[0]])
    assert doubled(maps, PLACES, RADIUS, 0.5).surplus(share((1,), (0, 1))).tolist() == [2.0, 0.0]


def test_empty_maps_have_nothing_twice() -> None:
    empty = np.zeros((2, *SHAPE), np.float32)
    assert doubled(empty, PLACES, RADIUS, 0.5).surplus(share((0,), (0, 1))).tolist() == [0.0, 0.0]
    assert doubled(empty, PLACES[:0], RADIUS, 0.5).surplus(share((0,))).tolist() == [0.0]
