"""Augmentation: masks move with their image and stay masks."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from elitscope_models.training.augment import EXPERIMENTAL, SIMULATED, Augmentation, augment, crop

OFF = Augmentation(gaussian_noise=0.0, poisson_noise=0.0, blur=0.0, contrast=0.0)
STILL = replace(OFF, turns=False, chance=1.0)


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


def lattice(side: int = 96) -> np.ndarray:
    """Smooth atoms 12 px apart, a mask of every second of them in each of two classes, and a weight."""
    rows, columns = np.indices((side, side))
    image = np.zeros((side, side), np.float32)
    masks = np.zeros((2, side, side), np.float32)
    for index, (row, column) in enumerate((r, c) for r in range(6, side, 12) for c in range(6, side, 12)):
        square = (rows - row) ** 2 + (columns - column) ** 2
        image += np.exp(-square / 18.0)
        masks[index % 2][square <= 9] = 1.0
    return np.stack([image, *masks, np.ones_like(image)]).astype(np.float32)


def test_with_everything_off_a_patch_stays_as_it_is() -> None:
    original = lattice()
    for seed in range(5):
        assert np.array_equal(augment(original, STILL, np.random.default_rng(seed)), original)


@pytest.mark.parametrize(
    ("variation", "value", "moves_masks"),
    [
        ("gaussian_noise", 0.1, False),
        ("poisson_noise", 0.1, False),
        ("blur", 2.0, False),
        ("contrast", 0.3, False),
        ("row_jitter", 1.0, False),
        ("zoom", 2.0, True),
        ("scale", 0.1, True),
    ],
)
def test_each_variation_changes_the_image_and_only_those_of_place_the_masks(variation: str, value: float, moves_masks: bool) -> None:
    original = lattice()
    varied = [augment(original, replace(STILL, **{variation: value}), np.random.default_rng(seed)) for seed in range(8)]
    assert any(not np.array_equal(each[0], original[0]) for each in varied)
    assert any(not np.array_equal(each[1:], original[1:]) for each in varied) == moves_masks


def test_every_variation_has_its_test() -> None:
    tested = {"gaussian_noise", "poisson_noise", "blur", "contrast", "row_jitter", "zoom", "scale", "turns"}
    assert tested | {"chance"} == {field.name for field in fields(Augmentation)}


@pytest.mark.parametrize("variation", [{"zoom": 2.0}, {"scale": 0.1}, {"turns": True}])
def test_masks_of_all_classes_stay_on_their_atoms_when_the_image_moves(variation: dict[str, float]) -> None:
    for seed in range(8):
        image, first, second, _ = augment(lattice(), replace(STILL, **variation), np.random.default_rng(seed))
        assert image[first > 0].min() > 0.4
        assert image[second > 0].min() > 0.4
        assert not (first * second).any()
        assert image[(first + second) == 0].max() < 0.8


def test_noise_has_random_scale_and_no_bias_and_poisson_noise_grows_with_the_signal() -> None:
    flat = np.stack([np.repeat([0.1, 1.0], 64 * 32).reshape(64, 64), np.zeros((64, 64))]).astype(np.float32)

    def spreads(augmentation: Augmentation) -> np.ndarray:
        noise = [augment(flat, augmentation, np.random.default_rng(seed))[0] - flat[0] for seed in range(40)]
        assert abs(np.mean(noise)) < 0.002
        return np.array([(each[:32].std(), each[32:].std()) for each in noise])

    gaussian, poisson = spreads(replace(STILL, gaussian_noise=0.2)), spreads(replace(STILL, poisson_noise=0.04))
    assert gaussian.max() < 0.21
    assert gaussian.min() < 0.05
    assert np.allclose(gaussian[:, 0], gaussian[:, 1], rtol=0.1, atol=1e-3)
    assert np.median(poisson[:, 1] / poisson[:, 0]) == pytest.approx(10**0.5, rel=0.1)
    assert poisson[:, 1].max() < 0.21


def test_blur_lowers_peaks_and_contrast_is_linear() -> None:
    original = lattice()
    assert all(augment(original, replace(STILL, blur=3.0), np.random.default_rng(seed))[0].max() < 1.0 for seed in range(8))
    changed = augment(original, replace(STILL, contrast=0.5), np.random.default_rng(0))[0]
    slope, offset = np.polyfit(original[0].ravel(), changed.ravel(), 1)
    assert np.allclose(changed, slope * original[0] + offset, atol=1e-5)
    assert 0.5 <= slope <= 1.5


def test_row_jitter_moves_whole_rows_by_about_its_rms() -> None:
    ramp = np.tile(np.arange(64.0, dtype=np.float32), (64, 1))
    moved = augment(np.stack([ramp, ramp > 30]), replace(STILL, row_jitter=1.0), np.random.default_rng(3))
    shifts = (ramp - moved[0])[:, 8:-8]
    assert np.ptp(shifts, axis=1).max() < 1e-4
    assert 0.02 < shifts[:, 0].std() < 1.3
    assert np.array_equal(moved[1], ramp > 30)


def test_scale_goes_both_ways_about_the_middle() -> None:
    dot = np.zeros((2, 65, 65), np.float32)
    dot[1, 24:41, 24:41] = 1.0
    varied = [augment(dot, replace(STILL, scale=0.2), np.random.default_rng(seed))[1] for seed in range(20)]
    areas = np.array([mask.sum() for mask in varied]) / dot[1].sum()
    assert areas.min() < 0.85
    assert areas.max() > 1.15
    assert all(np.argwhere(mask).mean(axis=0) == pytest.approx((32.0, 32.0), abs=0.6) for mask in varied)


def test_experimental_frames_are_only_turned_rescaled_a_little_and_given_gaussian_noise() -> None:
    on = {field.name: getattr(EXPERIMENTAL, field.name) for field in fields(Augmentation)}
    assert {name for name, value in on.items() if value} == {"gaussian_noise", "zoom", "scale", "turns", "chance"}
    assert EXPERIMENTAL.zoom == 1.0
    assert 0 < EXPERIMENTAL.scale <= 0.1


def test_simulated_frames_get_the_whole_list_but_for_what_is_optional() -> None:
    on = {field.name for field in fields(Augmentation) if getattr(SIMULATED, field.name)}
    assert on == {field.name for field in fields(Augmentation)} - {"scale", "row_jitter"}
    assert SIMULATED.zoom == 2.0


@pytest.mark.parametrize("seed", range(20))
def test_masks_stay_zero_or_one_and_everything_finite(seed: int) -> None:
    strong = Augmentation(gaussian_noise=1.0, poisson_noise=1.0, blur=3.0, contrast=0.9, zoom=2.0, chance=1.0, scale=0.3, row_jitter=2.0)
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
