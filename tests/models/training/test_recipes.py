"""Recipes: what they draw can be seen or plainly can't, and every class of a specimen becomes the class it is marked as."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope.simulator import Conditions, Probe, expose, graphene
from elitscope_models.training.data import label
from elitscope_models.training.imaging import Imaging
from elitscope_models.training.recipes import RECIPES, PaperRecipe, Recipe, visibility

FADED = Conditions(electrons=30.0, width=0.75, probe=Probe(defocus=79.0))


AT_ONCE = sorted(name for name, recipe in RECIPES.items() if not isinstance(recipe, PaperRecipe))
"""Recipes whose first frame does not wait for molecular dynamics; the others have their own tests, in small."""


@pytest.mark.parametrize("name", AT_ONCE)
def test_a_recipe_draws_frames_whose_masks_fit_its_classes(name: str) -> None:
    recipe = replace(RECIPES[name], side=96)
    for seed in range(4):
        frame = recipe.draw(np.random.default_rng((1, seed)))
        layers = label(frame, recipe)
        assert layers.shape == (2 + len(recipe.classes), 96, 96)
        assert set(np.unique(layers[1:])) <= {0.0, 1.0}
        assert layers[1:-1].sum(axis=0).max() <= 1.0
        assert recipe.network.foreground == len(recipe.classes) == max(recipe.marks) + 1


def test_each_class_is_marked_on_its_own_layer() -> None:
    recipe = RECIPES["graphene-si"]
    rng = np.random.default_rng(3)
    frame = expose(graphene((20.0, 20.0), rng, dopants=0.2), (200, 200), 0.1, Conditions(), rng)
    _, carbon, silicon, _ = label(frame, recipe)
    rows, columns = np.rint(frame.positions).astype(int).clip(0, 199).T
    heavy = frame.class_ids == 1
    assert heavy.any()
    assert silicon[rows[heavy], columns[heavy]].all()
    assert carbon[rows[~heavy], columns[~heavy]].all()
    assert not carbon[rows[heavy], columns[heavy]].any()


def test_a_lattice_whose_contrast_is_reversed_is_background_and_counts(tiny: Recipe) -> None:
    rng = np.random.default_rng(0)
    frame = expose(graphene((20.0, 20.0), rng), (200, 200), 0.1, FADED, rng)
    assert tiny.sees(frame) is False
    _, mask, weight = label(frame, tiny)
    assert not mask.any()
    assert weight.all()


def test_what_nobody_could_judge_is_not_drawn(tiny: Recipe) -> None:
    rng = np.random.default_rng(0)
    specimen = graphene((20.0, 20.0), rng)
    dark = expose(specimen, (200, 200), 0.1, Conditions(electrons=0.05), rng)
    bright = expose(specimen, (200, 200), 0.1, Conditions(electrons=20.0), rng)
    assert visibility(dark, 0.5) < 2.0 < visibility(bright, 0.5)
    assert tiny.sees(dark) is None
    assert tiny.sees(bright) is True
    blind = replace(tiny, imaging=Imaging(electrons=(1e-3, 2e-3), waves=0.0))
    with pytest.raises(RuntimeError, match="too little contrast or signal"):
        blind.draw(rng)


def test_drawing_depends_on_the_generator_alone(tiny: Recipe) -> None:
    first, again, other = (tiny.draw(np.random.default_rng(seed)).pixels for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
