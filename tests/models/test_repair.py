from __future__ import annotations

import numpy as np
import pytest

from elitscope.errors import FrameInvalid
from elitscope_models.repair import _high, repair
from tests.support.frames import dots, lattice

SHAPE = (160, 200)


def noisy(seed: int = 0, sigma: float = 2.0, dose: float = 100.0) -> np.ndarray:
    """A lattice in counts with Poisson noise, float32."""
    clean = dots(SHAPE, lattice(SHAPE, 12.0), sigma=sigma, peak=dose, floor=dose / 5)
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 500, 501, 20165])
def test_the_measure_of_noise_is_numpys_percentile(count: int) -> None:
    values = np.random.default_rng(count).normal(0, 5, count).astype(np.float32) ** 2
    expected = np.percentile(values.astype(np.float64), 99.8)
    assert _high(values) == pytest.approx(expected, rel=1e-6)


def test_a_sound_frame_comes_back_as_it_is() -> None:
    frame = noisy()
    repaired, warnings = repair(frame)
    assert warnings == ()
    np.testing.assert_array_equal(repaired, frame)
    assert repaired is not frame


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("noise", [True, False])
def test_atoms_however_sharp_are_not_taken_for_hot_pixels(sigma: float, noise: bool) -> None:
    clean = dots(SHAPE, lattice(SHAPE, 12.0) + 0.3, sigma=sigma, peak=100, floor=20)
    clean += dots(SHAPE, [(80.0, 92.0)], sigma=sigma, peak=400)  # one impurity, four times as bright
    frame = np.random.default_rng(1).poisson(clean).astype(np.float32) if noise else clean
    assert repair(frame)[1] == ()


def test_single_electrons_at_a_very_low_dose_are_signal() -> None:
    frame = np.random.default_rng(2).poisson(0.03, SHAPE).astype(np.uint16) * 8
    assert repair(frame)[1] == ()


def test_a_hot_pixel_is_replaced_by_its_surroundings() -> None:
    frame, truth = noisy(), noisy()
    places = [(0, 0), (80, 100), (159, 199), (41, 7)]
    for row, column in places:
        frame[row, column] = 60000
    repaired, warnings = repair(frame)
    assert warnings == ("hot_pixels_filled: 4 px",)
    untouched = np.ones(SHAPE, bool)
    untouched[tuple(zip(*places, strict=True))] = False
    np.testing.assert_array_equal(repaired[untouched], truth[untouched])
    assert np.abs(repaired - truth)[~untouched].max() < 80


def test_dead_pixels_are_replaced() -> None:
    frame = noisy() + 100
    frame[[20, 90], [30, 31]] = 0
    repaired, warnings = repair(frame)
    assert warnings == ("dark_pixels_filled: 2 px",)
    assert repaired.min() > 80


@pytest.mark.parametrize("thickness", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1])
def test_blanked_lines_are_filled_from_beside(thickness: int, axis: int) -> None:
    truth = noisy() + 100
    frame = truth.copy()
    lines = np.moveaxis(frame, axis, 0)
    lines[50 : 50 + thickness] = 0
    lines[-1] = 0
    repaired, warnings = repair(frame)
    assert warnings == (f"dark_pixels_filled: {(thickness + 1) * SHAPE[1 - axis]} px",)
    assert np.abs(repaired - truth).max() < 150
    assert repaired.min() > 80


def test_vacuum_is_not_blanked() -> None:
    frame = np.zeros(SHAPE, np.uint16)
    frame[::7] = np.random.default_rng(3).poisson(100, (len(frame[::7]), SHAPE[1]))
    repaired, warnings = repair(frame)
    assert warnings == ()
    np.testing.assert_array_equal(repaired, frame)


def test_missing_values_are_filled_from_beside_and_counted() -> None:
    truth = noisy()
    frame = truth.copy()
    frame[10:14, 20:23] = np.nan
    frame[0, 0], frame[100, 100] = np.inf, -np.inf
    repaired, warnings = repair(frame)
    assert warnings == ("frame_not_finite: 14 px filled",)
    assert np.isfinite(repaired).all()
    assert np.abs(repaired - truth).max() < 120


def test_a_large_hole_is_filled_too() -> None:
    frame = noisy()
    frame[:60, :60] = np.nan
    repaired, _ = repair(frame)
    assert np.isfinite(repaired).all()
    assert repaired[:60, :60].min() >= frame[np.isfinite(frame)].min()


def test_a_frame_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(FrameInvalid, match="every pixel"):
        repair(np.full(SHAPE, np.nan))
    with pytest.raises(FrameInvalid, match="16000 of 32000 pixels"):
        repair(np.where(np.arange(SHAPE[0])[:, None] < 80, np.nan, np.zeros(SHAPE)))


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint64, np.int32, np.longdouble])
def test_a_small_signal_on_a_large_offset_survives(dtype: type) -> None:
    signal = np.rint(noisy())
    repaired, _ = repair(
        (signal.astype(np.float64) + 2.0**31 - 1000 if dtype is np.int32 else signal.astype(np.float64) + 2.0**50).astype(dtype)
    )
    np.testing.assert_array_equal(repaired - repaired[0, 0], signal - signal[0, 0])


def test_values_beyond_float32_do_not_become_infinite() -> None:
    frame = noisy().astype(np.float64)
    frame[5, 5] = 1e300
    repaired, warnings = repair(frame)
    assert np.isfinite(repaired).all()
    assert warnings == ("hot_pixels_filled: 1 px",)


def test_a_flat_frame_is_left_alone() -> None:
    for value in (0, 7):
        repaired, warnings = repair(np.full(SHAPE, value, np.uint16))
        assert warnings == ()
        assert (repaired == value).all()
