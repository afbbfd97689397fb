from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope.errors import FrameInvalid
from elitscope_models.bundle import Bundle
from elitscope_models.preprocess import MAX_PIXELS, prepare
from elitscope_models.tiles import Tiling
from tests.support.frames import dots, lattice

TILING = Tiling(8, 32)


def frame(shape: tuple[int, int] = (61, 75)) -> np.ndarray:
    return dots(shape, lattice(shape), peak=100.0, floor=10.0)


def test_a_frame_is_normalised_and_mirrored_to_the_stride(bundle: Bundle) -> None:
    prepared = prepare(frame(), (0.1, 0.1), bundle.manifest, TILING)
    assert prepared.image.shape == (64, 80)
    assert prepared.image.dtype == np.float32
    assert prepared.warnings == ()
    inner = prepared.image[:61, :75]
    assert (inner.min(), inner.max()) == (0, 1)
    np.testing.assert_allclose(inner, (frame() - frame().min()) / np.ptp(frame()), atol=1e-6)
    np.testing.assert_array_equal(prepared.image[61:], prepared.image[59:56:-1])
    np.testing.assert_array_equal(prepared.image[:, 75:], prepared.image[:, 73:68:-1])


def test_the_frame_that_was_sent_is_not_written_to(bundle: Bundle) -> None:
    pixels = frame()
    pixels[3, 3] = np.nan
    pixels.setflags(write=False)
    before = pixels.copy()
    prepare(pixels, None, bundle.manifest, TILING)
    np.testing.assert_array_equal(pixels, before)


def test_unknown_sampling_is_taken_as_it_is_with_a_warning(bundle: Bundle) -> None:
    prepared = prepare(frame(), None, bundle.manifest, TILING)
    assert prepared.grid.network == (61, 75)
    assert prepared.warnings == ("sampling_unknown",)


def test_another_sampling_is_resampled_with_a_warning_that_says_so(bundle: Bundle) -> None:
    prepared = prepare(frame(), (0.04, 0.3), bundle.manifest, TILING)
    assert prepared.grid.network == (24, 225)
    assert prepared.warnings == ("sampling_outside_range: 0.04 × 0.3 Å/px is not within 0.05–0.2, resampled to 0.1",)


def test_repairs_come_before_anything_is_measured_on_the_frame(bundle: Bundle) -> None:
    pixels = frame() + np.random.default_rng(0).normal(0, 1, (61, 75)).astype(np.float32)
    sound = prepare(pixels, (0.1, 0.1), bundle.manifest, TILING)
    pixels[30, 30] = 65535
    hot = prepare(pixels, (0.1, 0.1), bundle.manifest, TILING)
    assert hot.warnings == ("hot_pixels_filled: 1 px",)
    assert np.abs(hot.image - sound.image).mean() < 1e-3


def test_a_flat_frame_is_zero_and_says_so(bundle: Bundle) -> None:
    prepared = prepare(np.full((40, 40), 7, np.uint8), (0.1, 0.1), bundle.manifest, TILING)
    assert not prepared.image.any()
    assert prepared.warnings == ("frame_flat",)


REFUSED = [
    ("one axis", np.zeros(64), "shape (64,): send movies frame by frame"),
    ("a movie", np.zeros((3, 64, 64)), "shape (3, 64, 64): send movies frame by frame"),
    ("complex pixels", np.zeros((64, 64), complex), "complex128 are not real numbers"),
    ("words", np.full((64, 64), "a"), "<U1 are not real numbers"),
    ("objects", np.full((64, 64), None), "object are not real numbers"),
    ("no pixels", np.zeros((0, 64)), "0 × 64 px is too small"),
    ("one pixel wide", np.zeros((64, 1)), "64 × 1 px is too small: each side needs at least 8"),
    ("too large", np.broadcast_to(np.uint8(0), (MAX_PIXELS // 8192 + 1, 8192)), "too large"),
    ("nothing but NaN", np.full((64, 64), np.nan), "every pixel"),
]


@pytest.mark.parametrize(("pixels", "complaint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_frame_is_refused_with_what_is_wrong(bundle: Bundle, pixels: np.ndarray, complaint: str) -> None:
    with pytest.raises(FrameInvalid) as caught:
        prepare(pixels, None, bundle.manifest, TILING)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("sampling", [(0.001, 0.001), (50.0, 50.0)])
def test_a_sampling_that_makes_no_sense_is_refused_before_it_costs_memory(bundle: Bundle, sampling: tuple[float, float]) -> None:
    with pytest.raises(FrameInvalid, match="check the sampling that came with the frame"):
        prepare(np.broadcast_to(np.uint8(0), (512, 512)), sampling, bundle.manifest, TILING)


@pytest.mark.parametrize("shape", [(8, 8), (8, 300), (300, 8), (9, 15)])
def test_the_smallest_frames_pass(bundle: Bundle, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 100, shape).astype(np.int16)
    for tiling in (TILING, replace(TILING, stride=64)):
        image = prepare(pixels, None, bundle.manifest, tiling).image
        assert np.isfinite(image).all()
        assert all(side % tiling.stride == 0 for side in image.shape)
