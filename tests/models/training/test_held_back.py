"""Frames held back from training: over the recipe's range, repeatable, and never one that training draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope_models.training.held_back import held_back, known
from elitscope_models.training.recipes import RECIPES


def test_the_same_frames_come_again_and_training_does_not_draw_them() -> None:
    recipe = RECIPES["graphene"]
    (first, second), (again, _) = (list(held_back("graphene", 2, seed=1)) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, second.pixels)
    for index in range(2):
        assert not np.array_equal(first.pixels, recipe.draw(np.random.default_rng((1, index))).pixels)
    assert first.classes == recipe.classes


def test_kinds_are_the_classes_that_the_recipe_marks_them_as() -> None:
    recipe = RECIPES["graphene"]
    frame = recipe.draw(np.random.default_rng(0))
    mixed = replace(frame, class_ids=np.arange(len(frame.positions)) % 2)
    assert set(known(mixed, recipe).class_ids) <= {0}
    assert set(known(mixed, replace(recipe, classes=("C", "Si"), marks=(0, 1))).class_ids) <= {0, 1}


def test_a_lattice_without_contrast_has_nothing_to_find() -> None:
    recipe = RECIPES["graphene"]
    frame = recipe.draw(np.random.default_rng(0))
    gone = replace(frame, contrast=np.full_like(frame.contrast, 0.9))
    assert len(known(gone, recipe).positions) == 0
    assert known(gone, recipe).pixels is frame.pixels


def test_atoms_under_thicker_contamination_than_the_recipe_marks_are_not_visible() -> None:
    recipe = RECIPES["graphene"]
    frame = recipe.draw(np.random.default_rng(0))
    half = np.arange(len(frame.positions)) % 2
    seen = replace(frame, contamination=np.where(half, recipe.clean + 1.0, recipe.clean), contrast=np.full(len(half), 2.0, np.float32))
    assert np.array_equal(known(seen, recipe).visible, half == 0)


def test_a_recipe_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'atomai' is not one of graphene"):
        held_back("atomai", 1)
