"""The hexagonal lattice: two sublattices on a honeycomb, and the defects of real sheets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elitscope.simulator import Specimen, hexagonal
from elitscope.simulator.specimen import brightness

PERFECT = {"vacancies": 0.0, "single": 0.0, "double": 0.0, "dopants": 0.0, "strain": 0.0, "displacement": 0.0}


def perfect(field: tuple[float, float] = (40.0, 40.0), seed: int = 1, **changed: float) -> Specimen:
    return hexagonal(field, np.random.default_rng(seed), **{**PERFECT, **changed})  # type: ignore[arg-type]


def test_each_metal_atom_has_three_chalcogen_columns_around_it_and_six_metal_atoms_farther_off() -> None:
    sheet = perfect()
    inner = ((sheet.positions > 0) & (sheet.positions < 40)).all(axis=1)
    metal, chalcogen = (sheet.positions[sheet.class_ids == kind] for kind in (0, 1))
    centres = sheet.positions[inner & (sheet.class_ids == 0)]
    to_metal, to_chalcogen = (np.sort(np.linalg.norm(centres[:, None] - others[None], axis=-1)) for others in (metal, chalcogen))
    assert to_chalcogen[:, :3] == pytest.approx(3.16 / math.sqrt(3.0), abs=1e-9)
    assert to_chalcogen[:, 3].min() > 3.16
    assert to_metal[:, 1:7] == pytest.approx(3.16, abs=1e-9)
    assert inner.sum() / 1600.0 == pytest.approx(2.0 / (3.16**2 * math.sqrt(0.75)), rel=0.04)


def test_brightness_is_summed_over_a_column() -> None:
    sheet = perfect()
    assert sheet.classes == ("metal", "chalcogen")
    assert np.unique(sheet.weights[sheet.class_ids == 0]) == pytest.approx([brightness(42)])
    assert np.unique(sheet.weights[sheet.class_ids == 1]) == pytest.approx([2.0 * brightness(16)])


def test_another_compound_has_its_own_brightness_and_spacing() -> None:
    sheet = perfect(metal=74, chalcogen=34, spacing=3.28)
    assert sorted(set(sheet.weights)) == pytest.approx([2.0 * brightness(34), brightness(74)])
    assert np.sort(np.linalg.norm(sheet.positions - sheet.positions[len(sheet) // 2], axis=1))[1] == pytest.approx(3.28 / math.sqrt(3.0))


def test_a_single_vacancy_dims_its_column_and_a_double_one_empties_it() -> None:
    field = (80.0, 80.0)
    whole, single, double = perfect(field), perfect(field, single=0.2), perfect(field, double=0.2)
    columns = whole.class_ids == 1
    assert len(single) == len(whole)
    dim = single.weights == brightness(16)
    assert dim[columns].mean() == pytest.approx(0.2, abs=0.05)
    assert not dim[~columns].any()
    assert (double.class_ids == 1).sum() / columns.sum() == pytest.approx(0.8, abs=0.05)
    assert (double.class_ids == 0).sum() == (whole.class_ids == 0).sum()


def test_dopants_and_vacancies_are_in_the_metal_sublattice() -> None:
    field = (80.0, 80.0)
    doped, thinned = perfect(field, dopants=0.2, dopant=75), perfect(field, vacancies=0.2)
    rhenium = doped.weights == brightness(75)
    assert rhenium[doped.class_ids == 0].mean() == pytest.approx(0.2, abs=0.05)
    assert not rhenium[doped.class_ids == 1].any()
    assert (thinned.class_ids == 0).sum() / (doped.class_ids == 0).sum() == pytest.approx(0.8, abs=0.05)
    assert (thinned.class_ids == 1).sum() == (doped.class_ids == 1).sum()


def test_a_hole_has_no_atoms_and_none_that_dangles() -> None:
    sheet = perfect(hole=8.0)
    assert len(sheet) < len(perfect()) - 40
    inner = ((sheet.positions > 0) & (sheet.positions < 40)).all(axis=1)
    bonds = (np.linalg.norm(sheet.positions[inner, None] - sheet.positions[None], axis=-1) < 2.2).sum(axis=1) - 1
    assert bonds.min() >= 2
    assert len(perfect((10.0, 10.0), hole=100.0)) == 0


def test_the_same_generator_gives_the_same_sheet() -> None:
    first, second, other = (hexagonal((30.0, 20.0), np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(first.positions, second.positions)
    assert np.array_equal(first.weights, second.weights)
    assert not np.array_equal(first.positions[:10], other.positions[:10])
