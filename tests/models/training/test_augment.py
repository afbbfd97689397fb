"""Augmentation: masks move with their image and stay masks."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.training.augment import Augmentation, augment, crop

OFF = Augmentation(gaussian_noise=0.0, poisson_noise=0.0, blur=0.0, contrast=0.0)


def layers(side: int = 32) -> np.ndarray:
    image = np.random.default_rng(0).random((side, side)).astype(np.float32)
    return np.stack([image, image > 0.5, image > 0.9]).astype(np.float32)


def test_turns_and_flips_move_every_layer_alike() -> None:
    seen = set()
    for seed in range(40):
        image, mask, weight = augment(layers(), OFF, np.random.default_rng(seed))
        assert np.array_equal(mask > 0, image > 0.5)
        assert np.array_equal(weight > 0, image > 0.9)
        seen.add(image.tobytes())
    assert len(seen) == 8


@pytest.mark.parametrize("seed", range(20))
def test_masks_stay_zero_or_one_and_everything_finite(seed: int) -> None:
    strong = Augmentation(gaussian_noise=1.0, poisson_noise=1.0, blur=3.0, contrast=0.9, zoom=2.0, chance=1.0)
    varied = augment(layers(), strong, np.random.default_rng(seed))
    assert varied.shape == (3, 32, 32)
    assert varied.dtype == np.float32
    assert np.isfinite(varied).all()
    assert set(np.unique(varied[1:])) <= {0.0, 1.0}


def test_the_same_generator_gives_the_same_variation_and_the_original_is_left_alone() -> None:
    original = layers()
    before = original.copy()
    first, second = (augment(original, Augmentation(chance=1.0), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(original, before)


def test_zoom_magnifies() -> None:
    dot = np.zeros((2, 64, 64), np.float32)
    dot[1, 28:36, 28:36] = 1.0
    areas = [augment(dot, Augmentation(zoom=2.0, chance=1.0), np.random.default_rng(seed))[1].sum() for seed in range(30)]
    assert max(areas) > 1.5 * dot[1].sum()


def test_crops_keep_their_margin() -> None:
    numbered = np.arange(40 * 40, dtype=np.float32).reshape(1, 40, 40)
    for seed in range(50):
        rows, columns = np.divmod(crop(numbered, 20, 6, np.random.default_rng(seed))[0], 40)
        assert min(rows.min(), columns.min()) >= 6
        assert max(rows.max(), columns.max()) <= 33


def test_a_patch_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="64 px does not fit into 32 px"):
        crop(layers(), 64, 0, np.random.default_rng(0))
