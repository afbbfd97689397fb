"""Surroundings: a lattice of any kind is usual everywhere, and only what disturbs it is odd."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.surroundings import oddness

SHAPE = (300, 320)
DISTANCE = 17.0


def cells(basis: list[tuple[float, float]], first: tuple[float, float], second: tuple[float, float]) -> np.ndarray:
    """A lattice that fills the frame, px."""
    steps = np.arange(-60, 60)
    corners = (steps[:, None, None] * np.array(first) + steps[None, :, None] * np.array(second)).reshape(-1, 1, 2)
    places = DISTANCE * (corners + np.array(basis)).reshape(-1, 2)
    return np.asarray(places[((places > 0) & (places < np.array(SHAPE) - 1)).all(axis=1)])


HONEYCOMB = cells([(0.0, 0.0), (0.0, 1.0)], (0.0, 3.0), (np.sqrt(3) / 2, 1.5))
SQUARE = cells([(0.0, 0.0)], (0.0, 1.0), (1.0, 0.0))
HEXAGONAL = cells([(0.0, 0.0)], (0.0, 1.0), (np.sqrt(3) / 2, 0.5))
LATTICES = pytest.mark.parametrize("places", [HONEYCOMB, SQUARE, HEXAGONAL], ids=["honeycomb", "square", "hexagonal"])


def odd(places: np.ndarray) -> np.ndarray:
    return oddness(places, np.arange(len(places)), SHAPE)


def middle(places: np.ndarray) -> int:
    return int(np.linalg.norm(places - np.array(SHAPE) / 2, axis=1).argmin())


@LATTICES
def test_a_shaken_lattice_is_usual_everywhere_and_at_the_edges_too(places: np.ndarray) -> None:
    shaken = places + np.random.default_rng(0).normal(0.0, 0.02 * DISTANCE, places.shape)
    assert odd(shaken).max() < 1


@LATTICES
def test_an_atom_that_is_displaced_is_out_of_line_and_far_ones_are_not(places: np.ndarray) -> None:
    moved = places.copy()
    moved[middle(places)] += (0.15 * DISTANCE, 0.0)
    found = odd(moved)
    assert found[middle(places)] > 1
    far = np.linalg.norm(places - places[middle(places)], axis=1) > 1.5 * DISTANCE
    assert found[far].max() < 0.1


@LATTICES
def test_neighbours_of_a_vacancy_are_half_suspect(places: np.ndarray) -> None:
    gone = middle(places)
    left = np.delete(places, gone, axis=0)
    near = np.linalg.norm(left - places[gone], axis=1) < 1.1 * DISTANCE
    found = odd(left)
    assert found[near] == pytest.approx(0.45)
    assert found[~near].max() < 0.1


def test_only_those_that_are_asked_about_are_told() -> None:
    shaken = HONEYCOMB + np.random.default_rng(1).normal(0.0, 1.0, HONEYCOMB.shape)
    asked = np.array([5, 99, 3])
    assert np.array_equal(oddness(shaken, asked, SHAPE), odd(shaken)[asked])


@pytest.mark.parametrize(
    "places",
    [np.zeros((0, 2)), np.full((1, 2), 9.0), np.full((40, 2), 9.0), np.array([[1.0, 1.0], [298.0, 318.0]]), np.full((9, 2), -0.4)],
    ids=["none", "one", "all in one place", "two far apart", "at the very edge"],
)
def test_nothing_is_odd_where_there_is_no_lattice(places: np.ndarray) -> None:
    assert not odd(places).any()
