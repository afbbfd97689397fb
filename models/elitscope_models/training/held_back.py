"""Test frames over a recipe's whole range that no training has seen: what Table 1 of the ELIT paper is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from elitscope.simulator import SimulatedFrame
from elitscope_models.training.recipes import RECIPES, Recipe
from elitscope_models.truth import KnownFrame, from_simulated

_HELD_BACK = 0x7E57
"""Third of the numbers that a frame is drawn from; training draws from two, so that none of its frames comes up here."""


def held_back(name: str, frames: int, seed: int = 0) -> Iterator[KnownFrame]:
    """Frames of the recipe called `name`, with what its ensembles are to find; the same arguments give the same frames.

    Raises:
        ValueError: no such recipe, which imported ensembles for one don't have.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ValueError(
            f"recipe {name!r} is not one of {', '.join(RECIPES)}: simulate with --lattice and --drift, or give a file with --truth"
        )
    return (known(recipe.draw(np.random.default_rng((seed, index, _HELD_BACK))), recipe) for index in range(frames))


def known(frame: SimulatedFrame, recipe: Recipe) -> KnownFrame:
    """What is to be found in a frame by the recipe's own rule: nothing at all where the lattice has lost its contrast."""
    found = replace(
        from_simulated(frame),
        class_ids=np.asarray(recipe.marks)[frame.class_ids],
        visible=np.asarray(frame.contamination <= recipe.clean),
        classes=recipe.classes,
    )
    if recipe.sees(frame):
        return found
    none = np.zeros(len(frame.positions), bool)
    return replace(found, positions=found.positions[none], class_ids=found.class_ids[none], visible=found.visible[none])
