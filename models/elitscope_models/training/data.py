"""Training data: simulated frames as a network sees them, masks of where the atoms are, and where the truth is anyone's guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope.simulator import SimulatedFrame
from elitscope.simulator.contamination import contamination_map
from elitscope_models.normalise import normalise
from elitscope_models.training.augment import augment, crop
from elitscope_models.training.recipes import Recipe
from elitscope_models.truth import discs

EDGE = 6
"""px at a simulated frame's border that patches avoid: discs of atoms just outside are missing there."""


@dataclass(frozen=True)
class Labelled:
    """Normalised frames with masks.

    `layers`: float16 [frame, layer, row, column]; layer 0 is the image, the last the weight of each pixel in the loss (0: none), the others
    one mask (0 or 1) per class.
    """

    layers: np.ndarray[Any, np.dtype[np.float16]]

    def __len__(self) -> int:
        return len(self.layers)

    def split(self, fraction: float) -> tuple[Labelled, Labelled]:
        """(training, test): the last `fraction` of the frames, one at least, are kept for the test."""
        test = max(1, round(fraction * len(self)))
        return Labelled(self.layers[:-test]), Labelled(self.layers[-test:])


def simulate(recipe: Recipe, frames: int, seed: int, advance: Callable[[], None] = lambda: None) -> Labelled:
    """Labelled frames of a recipe; frame i depends on (seed, i) alone. `advance` is called after each."""
    layers = np.empty((frames, 2 + len(recipe.classes), recipe.side, recipe.side), np.float16)
    for index in range(frames):
        layers[index] = label(recipe.draw(np.random.default_rng((seed, index))), recipe)
        advance()
    return Labelled(layers)


def label(frame: SimulatedFrame, recipe: Recipe) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Layers of one frame: normalised image, masks, weight; float32 [layer, row, column]."""
    image, _ = normalise(frame.pixels, recipe.normalisation, frame.sampling)
    marked = frame.contamination <= (recipe.clean + recipe.covered) / 2.0
    if not recipe.sees(frame):
        marked = np.zeros_like(marked)
    kinds = np.asarray(recipe.marks)[frame.class_ids]
    radius = recipe.mask_radius / frame.sampling
    masks = [discs(frame.positions[marked & (kinds == kind)], image.shape, radius) for kind in range(len(recipe.classes))]
    thickness = contamination_map(image.shape, frame.sampling, frame.conditions)
    certain = (thickness <= recipe.clean) | (thickness >= recipe.covered)
    return np.stack([image, *masks, certain.astype(np.float32)])


def batch(data: Labelled, chosen: np.ndarray[Any, Any], recipe: Recipe, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One augmented patch of each chosen frame: float32 [patch, layer, row, column]."""
    patches = [crop(data.layers[index], recipe.crop, EDGE, rng) for index in chosen]
    return np.stack([augment(patch.astype(np.float32), recipe.augmentation, rng) for patch in patches])
