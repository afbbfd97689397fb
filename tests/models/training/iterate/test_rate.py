"""The detection rate knows no truth, but it falls by what is missed; and what members doubt is left out."""

from __future__ import annotations

import numpy as np

from elitscope.simulator import graphene
from elitscope_models.training.iterate.rate import best_density, detection_rate
from elitscope_models.training.iterate.steady import steady
from elitscope_models.truth import discs

SIZE = (40.0, 40.0)
SHEET = graphene(SIZE, np.random.default_rng(0)).positions
HONEYCOMB = SHEET[np.all((SHEET >= 0) & (SHEET < SIZE), axis=1)]
LATTICE = np.stack(np.meshgrid(np.arange(1.0, 40.0, 2.0), np.arange(1.0, 40.0, 2.0)), -1).reshape(-1, 2)


def test_an_unbroken_lattice_has_a_rate_of_one() -> None:
    rng = np.random.default_rng(1)
    for places in (LATTICE, LATTICE + rng.normal(0, 0.1, LATTICE.shape), HONEYCOMB):
        density = best_density([places], [SIZE])
        assert abs(detection_rate(len(places), 1600.0, density) - 1.0) < 0.06


def test_what_is_missed_in_one_frame_lowers_its_rate_alone() -> None:
    half = LATTICE[LATTICE[:, 0] < 20.0]
    density = best_density([LATTICE, half], [SIZE, SIZE])
    whole, part = (detection_rate(len(places), 1600.0, density) for places in (LATTICE, half))
    assert abs(part / whole - 0.5) < 1e-9
    assert abs(whole - 1.0) < 0.06


def test_without_atoms_there_is_no_rate() -> None:
    assert best_density([], []) == best_density([np.zeros((0, 2)), LATTICE[:2]], [SIZE, SIZE]) == 0.0
    assert np.isnan(detection_rate(0, 1600.0, 0.0))


def test_atoms_whose_core_is_uncertain_are_told_from_those_whose_edge_is() -> None:
    places = np.array([[20.0, 20.0], [20.0, 50.0], [0.0, 0.0]])
    edge = discs(places[:1], (64, 64), 6.0) - discs(places[:1], (64, 64), 4.0)
    std = 0.45 * (edge + discs(places[1:2], (64, 64), 5.0))
    assert steady(std[None], places, 5.0).tolist() == [True, False, True]
    assert steady(std[None], np.zeros((0, 2)), 5.0).shape == (0,)
