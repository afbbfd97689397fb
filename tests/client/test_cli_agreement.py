"""Found atoms against known ones: the tables of an edge case each, and agreement with an optimal assignment."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from elitscope.commands.agreement import Agreement, agreement

NONE = np.zeros((0, 2))
ONE = np.array([[50.0, 50.0]])
SHAPE, SAMPLING = (100, 100), (0.1, 0.1)


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        (NONE, NONE, Agreement(0, 0, 0)),
        (ONE, NONE, Agreement(0, 1, 0)),
        (NONE, ONE, Agreement(0, 0, 1)),
        (ONE, ONE, Agreement(1, 0, 0)),
        (ONE + np.array([3, 4]), ONE, Agreement(1, 0, 0)),  # 5 px = 0.5 Å: exactly at the tolerance
        (ONE + np.array([3, 4.01]), ONE, Agreement(0, 1, 1)),
        (np.concatenate([ONE, ONE + 1]), ONE, Agreement(1, 1, 0)),
        (ONE, np.concatenate([ONE + 1, ONE + 2]), Agreement(1, 0, 1)),
        (np.array([[9.9, 50.0]]), np.array([[9.9, 50.0]]), Agreement(0, 0, 0)),  # in the border
        (np.array([[9.9, 50.0]]), np.array([[10.0, 50.0]]), Agreement(1, 0, 0)),  # the known one decides
        (np.array([[-3.0, -4.0]]), NONE, Agreement(0, 0, 0)),
    ],
)
def test_matches_are_one_to_one_within_the_tolerance(found, known, expected):
    assert agreement(found, known, SHAPE, SAMPLING) == expected


def test_hidden_atoms_neither_count_nor_make_mistakes():
    known = np.array([[50.0, 50.0], [50.0, 70.0], [30.0, 30.0]])
    assert agreement(known[:2], known, SHAPE, SAMPLING, hidden=np.array([False, True, True])) == Agreement(1, 0, 0)


def test_samplings_may_differ_by_axis():
    assert agreement(ONE + np.array([0, 4]), ONE, SHAPE, (0.1, 0.2)) == Agreement(0, 1, 1)
    assert agreement(ONE + np.array([4, 0]), ONE, SHAPE, (0.1, 0.2)) == Agreement(1, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_atoms_apart_as_atoms_are_match_as_the_optimal_assignment_does(seed):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(0, 300, 15.0), np.arange(0, 300, 15.0)), -1).reshape(-1, 2)
    known = grid[rng.random(len(grid)) < 0.9] + rng.normal(0, 1, (2,))
    found = np.concatenate([known[rng.random(len(known)) < 0.9] + rng.normal(0, 1.5, (2,)), rng.uniform(0, 300, (20, 2))])
    distances = cdist(found, known) * 0.1
    rows, columns = linear_sum_assignment(np.where(distances <= 0.5, distances, 1e3))
    pairs = distances[rows, columns] <= 0.5
    inside = ((known >= 10) & (known <= 289)).all(axis=1)
    hits = int(inside[columns[pairs]].sum())
    assert agreement(found, known, (300, 300), SAMPLING).hits == pytest.approx(hits, abs=1)


@pytest.mark.parametrize(("counts", "f1"), [((0, 0, 0), 1.0), ((0, 3, 0), 0.0), ((8, 2, 2), 0.8)])
def test_f1_is_the_harmonic_mean(counts, f1):
    assert Agreement(*counts).f1 == pytest.approx(f1)
