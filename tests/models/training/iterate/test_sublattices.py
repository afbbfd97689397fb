"""Atoms of one brightness in two lattices are told apart by their surroundings."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.training.iterate.lattice import Surroundings
from elitscope_models.training.iterate.sublattices import sublattices
from elitscope_models.truth import discs


@pytest.fixture
def phases() -> tuple[Surroundings, np.ndarray, np.ndarray]:
    """A checkerboard of bright and dark atoms beside a dense lattice as dark as those: frame, brightness, true class (darkest first)."""
    rng = np.random.default_rng(4)
    coarse = np.array([(row, column) for row in range(6, 250, 14) for column in range(6, 120, 14)], float)
    bright = (coarse // 14).astype(int).sum(axis=1) % 2 == 0
    dense = np.array([(row, column) for row in range(6, 250, 10) for column in range(136, 250, 10)], float)
    places = np.concatenate([coarse, dense]) + rng.normal(0, 0.4, (len(coarse) + len(dense), 2))
    kinds = np.concatenate([np.where(bright, 2, 0), np.ones(len(dense), int)])
    heights = np.array([0.40, 0.42, 1.0])[kinds] + rng.normal(0, 0.04, len(places))
    image = np.zeros((256, 256), np.float32)
    for place, height in zip(places, heights, strict=True):
        image += np.float32(height) * discs(place[None], image.shape, 3.0)
    image += rng.normal(0, 0.05, image.shape).astype(np.float32)
    return Surroundings(image, np.clip(image, 0, 1), places), heights, kinds


def test_three_sublattices_are_told_apart_though_two_are_equally_bright(phases: tuple[Surroundings, np.ndarray, np.ndarray]) -> None:
    frame, heights, kinds = phases
    found = sublattices([frame], heights, 3, seed=1)
    assert np.mean(found == kinds) > 0.97
    again = sublattices([Surroundings(frame.image, frame.mean, frame.positions[::2]), frame], np.concatenate([heights[::2], heights]), 3)
    assert np.mean(again == np.concatenate([kinds[::2], kinds])) > 0.97


def test_atoms_that_are_too_few_are_refused(phases: tuple[Surroundings, np.ndarray, np.ndarray]) -> None:
    frame, heights, _ = phases
    few = Surroundings(frame.image, frame.mean, frame.positions[:4])
    with pytest.raises(ValueError, match="4 atoms are too few"):
        sublattices([few], heights[:4], 3)
