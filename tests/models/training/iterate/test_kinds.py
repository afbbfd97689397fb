"""Intensities fall into classes where a histogram, a mixture or an expert divides them."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.training.iterate.kinds import intensities, otsu, split
from elitscope_models.truth import discs


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(1.0, 0.05, 200), rng.normal(1.6, 0.08, 20), rng.normal(2.4, 0.05, 30)])


def test_intensity_is_that_of_the_atom_at_the_border_too() -> None:
    places = np.array([[0.0, 0.0], [20.0, 20.0]])
    image = discs(places[:1], (40, 40), 4.0) + 3 * discs(places[1:], (40, 40), 4.0)
    assert intensities(image, places, 3.0).tolist() == [1.0, 3.0]
    assert intensities(image, np.zeros((0, 2)), 3.0).shape == (0,)


def test_otsu_and_a_mixture_divide_two_classes_alike(values: np.ndarray) -> None:
    two = values[:220]
    for how in ("otsu", "gmm"):
        kinds, (bound,) = split(two, how, 2)
        assert 1.15 < bound < 1.45
        assert (kinds[:200] == 0).mean() > 0.99
        assert (kinds[200:] == 1).mean() > 0.9


def test_a_mixture_finds_three_classes_the_darkest_first(values: np.ndarray) -> None:
    kinds, bounds = split(values, "gmm", 3)
    assert len(bounds) == 2
    assert np.mean(kinds == np.repeat([0, 1, 2], [200, 20, 30])) > 0.98


def test_thresholds_are_taken_as_they_are(values: np.ndarray) -> None:
    kinds, bounds = split(values, "2.0, 1.3", 3)
    assert bounds == (1.3, 2.0)
    assert np.array_equal(kinds, (values >= 1.3).astype(int) + (values >= 2.0))


@pytest.mark.parametrize(
    ("how", "classes", "reason"),
    [("otsu", 3, "2 classes, not 3"), ("bright", 2, "no way to divide"), ("9", 2, "leaves a class without atoms")],
)
def test_what_divides_nothing_is_refused(values: np.ndarray, how: str, classes: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        split(values, how, classes)


def test_atoms_that_are_all_alike_have_no_classes() -> None:
    with pytest.raises(ValueError, match="same intensity"):
        otsu(np.ones(9))
