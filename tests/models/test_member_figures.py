"""Figures of single networks: agreement, atoms seen, detections, fog; what they give where there is nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope.types import ATOM_DTYPE, AtomTable
from elitscope_models.atom_agreement import atom_agreement
from elitscope_models.atom_probability import probabilities_at, probability_at_atoms
from elitscope_models.detections import detections
from elitscope_models.member_figures import active_figures, figures_of
from elitscope_models.pixel_agreement import pixel_agreement
from tests.support.frames import dots

SHAPE = (40, 48)
PLACES = [(10.0, 12.0), (10.0, 30.0), (28.0, 20.0)]


def maps(places: list[tuple[float, float]], peak: float = 0.95) -> np.ndarray:
    """float32 [1, row, column]: a network that sees an atom at each place."""
    return dots(SHAPE, places, peak=peak)[None] if places else np.zeros((1, *SHAPE), np.float32)


def table(places: list[tuple[float, float]], class_id: int = 0) -> AtomTable:
    records = np.zeros(len(places), ATOM_DTYPE)
    records["row"], records["column"] = np.array(places).reshape(-1, 2).T
    records["class_id"] = class_id
    return AtomTable.from_records(records)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (maps(PLACES), maps(PLACES), 1.0),
        (maps(PLACES[:1]), maps(PLACES[1:2]), 0.0),
        (maps(PLACES[:2], 0.4), maps(PLACES[:2], 0.8), 0.5),
        (maps([]), maps(PLACES), 0.0),
        (maps([]), maps([]), np.nan),
        (np.full((1, *SHAPE), np.nan, np.float32), maps(PLACES), np.nan),
    ],
)
def test_pixel_agreement_by_scenario(own: np.ndarray, others: np.ndarray, expected: float) -> None:
    found = pixel_agreement(own, others)
    assert found == pytest.approx(expected, abs=2e-3, nan_ok=True)
    assert found == pytest.approx(pixel_agreement(others, own), nan_ok=True)


def test_pixel_agreement_of_binary_maps_is_the_intersection_over_union() -> None:
    rng = np.random.default_rng(1)
    one, other = (rng.random((2, 2, 30, 30)) > 0.5).astype(np.float32)
    expected = np.logical_and(one, other).sum() / np.logical_or(one, other).sum()
    assert pixel_agreement(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(("seen", "expected"), [(3, 1.0), (2, 2 / 3), (0, 0.0)])
def test_atom_agreement_counts_the_ensembles_atoms_that_a_network_sees(seen: int, expected: float) -> None:
    assert atom_agreement(maps(PLACES[:seen]), table(PLACES), 0.5) == pytest.approx(expected)


def test_a_probability_exactly_at_the_threshold_is_not_seen() -> None:
    own = np.full((1, *SHAPE), 0.5, np.float32)
    assert atom_agreement(own, table(PLACES), 0.5) == 0


def test_without_atoms_there_is_nothing_to_agree_on() -> None:
    assert np.isnan(atom_agreement(maps(PLACES), table([]), 0.5))
    assert np.isnan(probability_at_atoms(maps(PLACES), table([])))


def test_probabilities_are_those_of_the_nearest_pixel_in_the_atoms_class() -> None:
    own = np.zeros((2, *SHAPE), np.float32)
    own[1, 10, 12], own[1, 39, 47], own[0, 10, 12] = 0.75, 0.25, 1.0
    assert probabilities_at(own, table([(10.4, 11.6), (39.4, 47.49), (-0.4, 0.0)], class_id=1)).tolist() == [0.75, 0.25, 0.0]


def test_detections_are_counted_class_by_class() -> None:
    assert detections(maps(PLACES), 0.5) == 3
    assert detections(np.concatenate([maps(PLACES), maps(PLACES[:1])]), 0.5) == 4
    assert detections(maps([]), 0.5) == 0
    assert detections(np.full((1, *SHAPE), 0.5, np.float32), 0.5) == 0


def test_the_odd_one_out_agrees_least() -> None:
    stack = np.stack([maps(PLACES), maps(PLACES), maps(PLACES, 0.9), maps(PLACES[:1])])
    figures = active_figures(stack, table(PLACES), 0.5)
    assert int(np.argmin([f.pixel_agreement for f in figures])) == 3
    assert [f.atom_agreement for f in figures] == pytest.approx([1, 1, 1, 1 / 3])
    assert [f.detections for f in figures] == [3, 3, 3, 1]


def test_every_member_is_compared_with_the_mean_of_the_others() -> None:
    rng = np.random.default_rng(2)
    stack = rng.random((4, 2, *SHAPE)).astype(np.float32)
    figures = active_figures(stack, table(PLACES), 0.5)
    for index, found in enumerate(figures):
        others = np.delete(stack, index, axis=0).mean(axis=0)
        assert found.pixel_agreement == pytest.approx(pixel_agreement(stack[index], others), abs=1e-5)


def test_a_network_alone_has_nobody_to_agree_with() -> None:
    (alone,) = active_figures(maps(PLACES)[None], table(PLACES), 0.5)
    assert np.isnan(alone.pixel_agreement) and np.isnan(alone.atom_agreement)
    assert alone.probability_at_atoms == pytest.approx(0.95, abs=1e-6)


def test_a_network_that_hedges_is_foggy() -> None:
    assert figures_of(np.full((1, *SHAPE), 0.3, np.float32), maps(PLACES), table(PLACES), 0.5).fog == 1.0
