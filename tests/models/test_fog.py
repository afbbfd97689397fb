"""What networks hedge about is no atom, and the result says so."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope.simulator import movie
from elitscope_models.analyse import analyse
from elitscope_models.bundle import load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.fog import FOGGY, fog, fog_warnings
from elitscope_models.loading import open_ensemble
from elitscope_models.zoo import find_bundle


@pytest.fixture(scope="module")
def graphene() -> Ensemble:
    return open_ensemble(load_bundle(find_bundle("graphene")))


def maps(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


def test_fog_is_the_share_of_probability_outside_atoms() -> None:
    assert fog(maps(0.75, 0.25, 0.0, 0.0), 0.5) == pytest.approx(0.25)
    assert fog(maps(0.75, 0.75), 0.5) == 0.0
    assert fog(maps(0.5, 0.5), 0.5) == 1.0


def test_an_empty_frame_has_no_fog() -> None:
    assert fog(np.full((1, 8, 8), 0.009, np.float32), 0.5) == 0.0


def test_only_more_than_the_limit_is_worth_a_warning() -> None:
    assert fog_warnings(maps(0.75, 0.45), 0.5) == ()
    assert fog(maps(0.75, 0.45), 0.5) < FOGGY
    assert fog_warnings(maps(0.55, 0.45), 0.5)[0].startswith("segmentation_foggy: 45%")


@pytest.mark.parametrize("drift", ["none", "dose", "contamination"])
def test_simulated_graphene_is_not_foggy_even_where_it_drifts(graphene: Ensemble, drift: str) -> None:
    *_, last = movie("graphene", (256, 256), 3, seed=5, drift=drift)
    found = analyse(last.pixels, last.sampling, graphene)
    assert not any(warning.startswith("segmentation_foggy") for warning in found.warnings)


def test_a_frame_of_noise_is_foggy(graphene: Ensemble) -> None:
    found = analyse(np.random.default_rng(0).poisson(20, (256, 256)), 0.1, graphene)
    assert any(warning.startswith("segmentation_foggy") for warning in found.warnings)
