"""What a step sees is told by its number."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from elitscope_models.training.data import Labelled
from elitscope_models.training.patches import ahead, frames_of_step, patches_of_step
from elitscope_models.training.recipes import Recipe


@pytest.mark.parametrize(("frames", "size"), [(10, 4), (10, 10), (3, 8), (1, 2), (7, 7)])
def test_every_frame_comes_once_before_any_comes_again(frames: int, size: int) -> None:
    sequence = np.concatenate([frames_of_step(frames, size, 1, step) for step in range(4 * frames)])
    rounds = sequence[: len(sequence) // frames * frames].reshape(-1, frames)
    assert (np.sort(rounds, axis=1) == np.arange(frames)).all()
    assert frames == 1 or not (rounds == rounds[0]).all()


def test_members_see_frames_in_orders_of_their_own() -> None:
    assert not np.array_equal(frames_of_step(50, 16, 1, 0), frames_of_step(50, 16, 2, 0))


def test_going_on_at_a_step_gives_what_getting_there_would_have_given(tiny: Recipe, tiny_data: Labelled) -> None:
    with closing(ahead(tiny_data, tiny, 1, 0)) as whole, closing(ahead(tiny_data, tiny, 1, 3)) as rest:
        assert all(np.array_equal(a, b) for a, b in zip(islice(whole, 3, 6), islice(rest, 3), strict=True))
    assert not np.array_equal(patches_of_step(tiny_data, tiny, 1, 0), patches_of_step(tiny_data, tiny, 2, 0))


def test_what_goes_wrong_while_patches_are_made_is_heard_of(tiny: Recipe) -> None:
    narrow = Labelled(np.zeros((2, 3, 16, 16), np.float16))
    with closing(ahead(narrow, tiny, 1, 0)) as coming, pytest.raises(ValueError, match="does not fit"):
        next(coming)
