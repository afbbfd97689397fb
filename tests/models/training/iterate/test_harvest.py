"""Labelled squares say what was found, what is background, and what nobody is sure of."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.training.data import batch
from elitscope_models.training.iterate.experiment import Frame, Sight
from elitscope_models.training.iterate.harvest import Labels, balance, harvest, layers_of
from tests.support.training import tiny_recipe

PLACES = np.array([[20.0, 20.0], [40.0, 40.0], [60.0, 20.0]])


def sight(shape: tuple[int, int] = (96, 128), value: float = 0.5) -> Sight:
    image = np.full(shape, value, np.float32)
    frame = Frame("f", image, (0.1, 0.1))
    return Sight(frame, image, image[None], None, PLACES, np.ones(3), np.zeros(3, int), 0.1, ())


def labels(kept: list[bool], unsure: list[bool] | None = None, kinds: list[int] | None = None) -> Labels:
    return Labels(np.array(kept), np.array(unsure or [False] * 3), np.array(kinds or [0] * 3))


def test_kept_atoms_are_discs_of_their_class_and_dropped_ones_background() -> None:
    layers = layers_of(sight(), labels([True, True, False], kinds=[0, 1, 1]), classes=2, mask_radius=0.5)
    assert layers.shape == (4, 96, 128)
    assert (layers[0] == 0.5).all()
    assert (layers[1, 20, 20], layers[2, 20, 20], layers[1, 40, 40], layers[2, 40, 40]) == (1, 0, 0, 1)
    assert layers[1].sum() == layers[2].sum() == 81  # a disc of 5 px
    assert layers[1:3, 60, 20].sum() == 0
    assert (layers[3] == 1).all()


def test_around_what_nobody_is_sure_of_nothing_counts_but_what_is_marked() -> None:
    layers = layers_of(sight(), labels([True, False, False], [False, True, False]), classes=1, mask_radius=0.5)
    assert layers[-1, 40, 40] == layers[-1, 40, 46] == 0
    assert layers[-1, 40, 50] == layers[-1, 20, 20] == layers[-1, 60, 20] == 1


def test_squares_cover_a_frame_and_are_what_training_takes() -> None:
    gathered = harvest([sight(), sight(value=0.25)], [labels([True] * 3)] * 2, 1, 0.5, stride=16, crop=80)
    assert gathered.data.layers.shape == (4, 3, 96, 96)
    assert (gathered.crop, gathered.tested, gathered.unseen) == (80, 1, True)
    training, test = gathered.data.split(gathered.tested / len(gathered.data))
    assert len(training) == 3
    assert np.float16(0.25) == test.layers[0, 0, 0, 0]
    patches = batch(training, np.array([0, 1]), tiny_recipe(), np.random.default_rng(0))
    assert patches.shape == (2, 3, 64, 64)


def test_atoms_of_a_rare_class_count_for_more() -> None:
    known = [labels([True] * 3, kinds=[0, 0, 1]), labels([True, True, False], kinds=[0, 0, 1])]
    layers = harvest([sight()] * 2, known, 2, 0.5, stride=16).data.layers
    assert (layers[0, -1, 20, 20], layers[0, -1, 60, 20], layers[0, -1, 5, 5]) == (1, 2, 1)
    assert balance(known, 3).tolist() == [1, 2, 2]
    assert balance([Labels(np.ones(901, bool), np.zeros(901, bool), np.repeat([0, 1], [900, 1]))], 2)[1] == 4


def test_of_a_single_image_nothing_is_kept_back() -> None:
    gathered = harvest([sight()], [labels([True] * 3)], 1, 0.5, stride=16)
    assert (len(gathered.data), gathered.tested, gathered.unseen) == (3, 1, False)
    assert np.array_equal(gathered.data.layers[-1], gathered.data.layers[-2])
    assert gathered.crop == 96


def test_outside_the_region_nothing_counts_and_squares_without_any_are_left_out() -> None:
    wide = sight((96, 400))
    part = np.zeros((96, 400), bool)
    part[:, :50] = True
    known = Labels(np.array([True] * 3), np.zeros(3, bool), np.zeros(3, int), part)
    layers = layers_of(wide, known, classes=1, mask_radius=0.5)
    assert (layers[-1] == part).all()
    assert len(harvest([wide, wide], [known] * 2, 1, 0.5, stride=16, crop=80).data) == 2  # of ten
    with pytest.raises(ValueError, match="no atom is left"):
        harvest([wide], [Labels(known.kept, known.unsure, known.kinds, np.zeros_like(part))], 1, 0.5, 16)


def test_the_same_labels_have_the_same_digest_and_others_another() -> None:
    first, again, other = (harvest([sight()], [labels([True, True, last])], 1, 0.5, 16).digest for last in (True, True, False))
    assert first == again != other


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="no atom is left"):
        harvest([sight()], [labels([False] * 3)], 1, 0.5, 16)
    with pytest.raises(ValueError, match="side of 12 px"):
        harvest([sight((12, 64))], [labels([True] * 3)], 1, 0.5, 16)
