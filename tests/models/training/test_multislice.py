"""Multislice: the same atoms in the same places with the same noise, imaged by scattering instead of drawn as Gaussians."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from elitscope.simulator import Conditions, Probe, Specimen, expose, graphene, hexagonal, square
from elitscope.simulator.graphene import doped
from elitscope_models.training.multislice import CHALCOGENS_APART, Multislice, atoms_of

needs_abtem = pytest.mark.skipif(find_spec("abtem") is None, reason="abTEM is not installed: pip install 'elitscope-service[multislice]'")
SHAPE, SAMPLING = (32, 28), 0.15
QUIET = Conditions(
    electrons=1e4, row_jitter=0.0, tails=0.0, background=0.0, readout=0.0, gain=1.0, gain_spread=0.0, offset=0.0, probe=Probe(), width=0.7
)


def pair() -> Specimen:
    """A carbon and a silicon atom, off the pixels and off the grid."""
    return doped(np.array([[1.21, 1.13], [3.34, 2.87]]), np.array([False, True]))


@needs_abtem
def test_atoms_are_where_the_gaussian_renderer_has_them_and_the_noise_is_the_same() -> None:
    by_waves, drawn = (expose(pair(), SHAPE, SAMPLING, QUIET, np.random.default_rng(1), imager) for imager in (Multislice(), None))
    assert np.array_equal(by_waves.positions, drawn.positions)
    assert np.array_equal(by_waves.class_ids, drawn.class_ids)
    assert np.corrcoef(by_waves.pixels.ravel(), drawn.pixels.ravel())[0, 1] > 0.97
    carbon, silicon = by_waves.signal / QUIET.electrons
    assert carbon == pytest.approx(drawn.signal[0] / QUIET.electrons, rel=0.15)
    assert 3.5 < silicon / carbon < 7.0


@needs_abtem
def test_directions_of_aberrations_are_those_of_the_simulators_own_probe() -> None:
    lone = Specimen(np.array([[2.4, 2.1]]), np.zeros(1, np.int32), np.ones(1), ("C", "Si"))
    for aberration in ({"astigmatism": (40.0, 0.4), "defocus": 40.0}, {"coma": (3e3, 0.4)}, {"threefold": (2e3, 0.4)}):
        conditions = replace(QUIET, probe=Probe(**aberration))  # type: ignore[arg-type]
        by_waves, drawn = (
            expose(lone, SHAPE, SAMPLING, conditions, np.random.default_rng(1), imager).pixels.astype(float)
            for imager in (Multislice(window=6.0), None)
        )
        same = np.corrcoef(by_waves.ravel(), drawn.ravel())[0, 1]
        assert same > 0.97
        assert all(same > np.corrcoef(by_waves.ravel(), np.flip(drawn, axis).ravel())[0, 1] for axis in (0, 1))


def test_a_sheet_of_graphene_is_one_plane_and_silicon_is_in_it() -> None:
    numbers, positions = atoms_of(graphene((10.0, 10.0), np.random.default_rng(0), dopants=0.1))
    assert set(numbers) == {6, 14}
    assert not positions[:, 2].any()


def test_a_column_of_two_carbon_atoms_has_them_above_each_other() -> None:
    column = replace(doped(np.array([[1.0, 2.0], [4.0, 4.0]]), np.zeros(2, bool)), weights=np.array([2.0, 1.0]))
    numbers, positions = atoms_of(column)
    assert numbers.tolist() == [6, 6, 6]
    assert positions[:2, :2].tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert positions[0, 2] == -positions[1, 2] != 0.0
    assert positions[2, 2] == 0.0


def test_a_hexagonal_sheet_has_metal_in_the_middle_of_pairs_of_chalcogen() -> None:
    sheet = hexagonal((20.0, 20.0), np.random.default_rng(0), single=0.2, dopants=0.1)
    numbers, positions = atoms_of(sheet)
    assert set(numbers) == {42, 74, 16}
    assert set(positions[numbers != 16, 2]) == {0.0}
    single = int((sheet.weights[sheet.class_ids == 1] < 8.0).sum())
    assert (positions[numbers == 16, 2] == 0.0).sum() == single > 0
    assert set(np.abs(positions[numbers == 16, 2])) == {0.0, CHALCOGENS_APART / 2.0}
    assert (numbers == 16).sum() == 2 * (sheet.class_ids == 1).sum() - single


def test_a_specimen_of_unknown_thickness_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\('A', 'B'\)"):
        atoms_of(square((8.0, 8.0), np.random.default_rng(0)))


def test_without_abtem_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "abtem", None)
    with pytest.raises(ImportError, match=r"elitscope-service\[multislice\]"):
        expose(pair(), SHAPE, SAMPLING, QUIET, np.random.default_rng(0), Multislice())
