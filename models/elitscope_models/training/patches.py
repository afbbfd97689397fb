"""Which patches a step sees: step k's depend on (seed, k) alone, so a training that goes on somewhere needs nothing but k."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from elitscope_models.training.data import Labelled, batch
from elitscope_models.training.recipes import Recipe

_VARIATION, _ORDER = 1, 2
"""What a member's seed is used for here, so that no two random sequences are the same."""


def patches_of_step(data: Labelled, recipe: Recipe, seed: int, step: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The augmented patches of one step, float32 [patch, layer, row, column]."""
    chosen = frames_of_step(len(data), recipe.schedule.batch, seed, step)
    return batch(data, chosen, recipe, np.random.default_rng((seed, _VARIATION, step)))


def frames_of_step(frames: int, size: int, seed: int, step: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The frames of one step, int64 [size]: every frame comes once before any comes again, each time in another order.

    >>> sorted(int(f) for step in range(3) for f in frames_of_step(6, 2, seed=1, step=step))
    [0, 1, 2, 3, 4, 5]
    """
    first = step * size
    rounds = range(first // frames, (first + size - 1) // frames + 1)
    orders = np.concatenate([np.random.default_rng((seed, _ORDER, number)).permutation(frames) for number in rounds])
    start = first - rounds[0] * frames
    return orders[start : start + size]


def ahead(data: Labelled, recipe: Recipe, seed: int, step: int) -> Generator[np.ndarray[Any, np.dtype[np.float32]], None, None]:
    """The patches of `step` and all that follow, each made in a thread of its own while the one before is learnt from.

    Close the iterator (`contextlib.closing`) to end the thread.
    """
    with ThreadPoolExecutor(1, "patches") as thread:
        coming = thread.submit(patches_of_step, data, recipe, seed, step)
        while True:
            patches = coming.result()
            step += 1
            coming = thread.submit(patches_of_step, data, recipe, seed, step)
            yield patches
