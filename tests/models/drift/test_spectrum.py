"""Power spectra: sharpness, lattice planes, and samplings that can't be right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import Conditions, expose, graphene, hexagonal, square
from elitscope_models.drift.spectrum import lattice_spacing, sampling_error, sharpness, spectrum

GRAPHENE, SQUARE, MOLYBDENUM_DISULFIDE = (2.13, 1.23), (2.75, 3.89, 1.94), (2.74, 1.58)
LIMIT = 0.1


def image(kind: str, sampling: float, seed: int = 0, conditions: Conditions | None = None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = (256 * sampling, 256 * sampling)
    make = {"graphene": graphene, "square": square, "hexagonal": hexagonal}[kind]
    usual = Conditions(electrons=1.0) if kind == "hexagonal" else Conditions()
    return expose(make(field, rng), (256, 256), sampling, conditions or usual, rng).pixels.astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "sampling", "planes"), [("graphene", 0.1, GRAPHENE), ("square", 0.16, SQUARE), ("hexagonal", 0.12, MOLYBDENUM_DISULFIDE)]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_sampling_that_is_wrong_by_a_fifth_or_more_is_told_from_one_that_is_right(
    kind: str, sampling: float, planes: tuple[float, ...], seed: int
) -> None:
    found = spectrum(image(kind, sampling, seed))
    assert sampling_error(found, sampling, planes) == pytest.approx(0.0, abs=0.05)
    for wrong in (0.7, 0.8, 1.2, 1.4):
        error = sampling_error(found, wrong * sampling, planes)
        assert error == pytest.approx(wrong - 1.0, abs=0.06)
        assert abs(error) > LIMIT


@pytest.mark.parametrize("electrons", [0.5, 2.0])
def test_the_lattice_is_still_told_at_a_low_dose(electrons: float) -> None:
    found = spectrum(image("graphene", 0.1, conditions=Conditions(electrons=electrons)))
    assert lattice_spacing(found, 0.1) == pytest.approx(2.13, rel=0.06)


def test_noise_has_no_lattice() -> None:
    found = spectrum(np.random.default_rng(0).normal(100.0, 10.0, (256, 256)).astype(np.float32))
    assert np.isnan(lattice_spacing(found, 0.1))
    assert np.isnan(sampling_error(found, 0.1, GRAPHENE))


def test_nothing_is_said_of_a_sampling_without_a_lattice_to_expect() -> None:
    assert np.isnan(sampling_error(spectrum(image("graphene", 0.1)), 0.1, ()))


def test_defocus_takes_sharpness_away() -> None:
    focus = Conditions()
    sharp, blurred = (sharpness(spectrum(image("graphene", 0.1, conditions=one)), 0.1) for one in (focus, focus.defocused(40.0)))
    assert blurred < 0.95 * sharp


def test_sharpness_hardly_depends_on_the_dose() -> None:
    bright = Conditions(electrons=20.0)
    values = [sharpness(spectrum(image("graphene", 0.1, conditions=one)), 0.1) for one in (bright, replace(bright, electrons=4.0))]
    assert values[0] == pytest.approx(values[1], rel=0.08)


@pytest.mark.parametrize(("name", "wrong"), [("MoS2_000-2", False), ("MoS2_002-5", True)])
def test_of_two_real_frames_that_with_the_wrong_metadata_is_found_out(shared_data: Path, name: str, wrong: bool) -> None:
    found = spectrum(np.load(shared_data / "experimental" / f"{name}.npy").astype(np.float32))
    error = sampling_error(found, 0.176, MOLYBDENUM_DISULFIDE)
    assert (abs(error) > LIMIT) == wrong
    for factor in (0.8, 1.2):
        if not wrong:
            assert abs(sampling_error(found, 0.176 * factor, MOLYBDENUM_DISULFIDE)) > LIMIT
