"""Training data: masks of what can be seen, background where nobody could see it."""

from __future__ import annotations

import numpy as np

from elitscope.simulator import Conditions, expose, graphene
from elitscope_models.training.data import Labelled, batch, label, simulate
from elitscope_models.training.recipes import Recipe


def test_atoms_under_thick_contamination_are_background_and_in_between_does_not_count(tiny: Recipe) -> None:
    rng = np.random.default_rng(0)
    conditions = Conditions(contamination=0.5, thickness=30.0, patch=6.0)
    frame = expose(graphene((20.0, 20.0), rng), (200, 200), 0.1, conditions, rng)
    _, mask, weight = label(frame, tiny)
    rows, columns = np.rint(frame.positions).astype(int).clip(0, 199).T
    thick, thin = frame.contamination > tiny.covered, frame.contamination < tiny.clean
    assert thick.any()
    assert thin.any()
    assert not mask[rows[thick], columns[thick]].any()
    assert mask[rows[thin], columns[thin]].all()
    between = (frame.contamination > tiny.clean) & ~thick
    assert between.any()
    assert not weight[rows[between], columns[between]].any()
    assert weight[rows[thick], columns[thick]].all()


def test_the_same_seed_gives_the_same_frames_whatever_their_number(tiny: Recipe, tiny_data: Labelled) -> None:
    assert np.array_equal(simulate(tiny, 3, seed=3).layers, tiny_data.layers[:3])
    assert not np.array_equal(simulate(tiny, 1, seed=4).layers, tiny_data.layers[:1])


def test_training_and_test_share_no_frame(tiny_data: Labelled) -> None:
    training, test = tiny_data.split(0.25)
    assert (len(training), len(test)) == (9, 3)
    assert np.array_equal(np.concatenate([training.layers, test.layers]), tiny_data.layers)


def test_a_batch_has_one_patch_of_each_chosen_frame(tiny: Recipe, tiny_data: Labelled) -> None:
    patches = batch(tiny_data, np.array([0, 5]), tiny, np.random.default_rng(0))
    assert patches.shape == (2, 3, 64, 64)
    assert patches.dtype == np.float32
