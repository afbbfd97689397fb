from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from elitscope.types import ATOM_DTYPE, AtomTable
from elitscope_models.resample import Grid
from tests.support.atoms import find_atoms
from tests.support.frames import dots, lattice

SHAPE = (64, 80)
GRID = Grid(SHAPE, SHAPE)


def ensemble_of(*members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, member maps) with one class."""
    maps = np.stack(members)[:, None].astype(np.float32)
    return maps.mean(axis=0, dtype=np.float64).astype(np.float32), maps


def slowly(mean: np.ndarray, maps: np.ndarray, threshold: float) -> list[tuple[float, ...]]:
    """Support and sigmas straight from their definition, one atom and one member at a time; no atoms are split."""
    atoms = []
    for class_id in range(len(mean)):
        labels, count = ndimage.label(mean[class_id] > np.float32(threshold))
        for label in range(1, count + 1):
            rows, columns = np.nonzero(labels == label)
            weights = mean[class_id, rows, columns].astype(float)
            seen = []
            for member in maps[:, class_id]:
                own = member[rows, columns].astype(float)
                if member[rows, columns].max() > np.float32(threshold):
                    seen.append(((own * rows).sum() / own.sum(), (own * columns).sum() / own.sum()))
            sigma = np.std(seen, axis=0) if len(seen) >= 2 else (np.nan, np.nan)
            atoms.append(
                (
                    (weights * rows).sum() / weights.sum(),
                    (weights * columns).sum() / weights.sum(),
                    class_id,
                    weights.mean(),
                    len(seen) / len(maps),
                    *sigma,
                    len(rows),
                )
            )
    return atoms


def assert_same(found: AtomTable, expected: list[tuple[float, ...]], tolerance: float = 1e-4) -> None:
    assert len(found) == len(expected)
    for atom, truth in zip(np.asarray(found), expected, strict=True):
        np.testing.assert_allclose(np.array(atom.item(), float), np.array(truth, float), atol=tolerance, equal_nan=True)


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), classes=st.integers(1, 2), threshold=st.sampled_from([0.3, 0.5, 0.6]))
def test_all_fields_are_those_of_the_definition(seed: int, members: int, classes: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    places = lattice(SHAPE, 16.0)[: rng.integers(0, 21)]
    heights = rng.choice([0.35, 0.55, 0.95], (members, classes, len(places)), p=[0.25, 0.25, 0.5])
    maps = np.zeros((members, classes, *SHAPE), np.float32)
    for own, tops in zip(maps.reshape(-1, *SHAPE), heights.reshape(members * classes, len(places)), strict=True):
        for place, top in zip(places, tops, strict=True):
            np.add(own, dots(SHAPE, [tuple(place + rng.normal(0, 0.7, 2))], sigma=2.5, peak=float(top)), out=own)
    mean = maps.mean(axis=0, dtype=np.float64).astype(np.float32)
    assert_same(find_atoms(mean, maps, GRID, threshold=threshold), slowly(mean, maps, threshold))


def test_no_atoms_give_an_empty_table() -> None:
    table = find_atoms(*ensemble_of(np.zeros(SHAPE)), GRID, sampling=(0.1, 0.2))
    assert table.shape == (0,)
    assert table.dtype == ATOM_DTYPE
    assert table.sampling == (0.1, 0.2)


def test_one_atom_seen_by_all() -> None:
    left, right = dots(SHAPE, [(30.0, 40.5)], 2.0), dots(SHAPE, [(30.0, 41.5)], 2.0)
    (atom,) = find_atoms(*ensemble_of(left, right), GRID)
    assert atom["row"] == pytest.approx(30.0, abs=0.01)
    assert atom["column"] == pytest.approx(41.0, abs=0.01)
    assert atom["support"] == 1
    assert atom["sigma_row"] == pytest.approx(0, abs=1e-5)
    assert 0.1 < atom["sigma_column"] < 0.5
    assert 0.5 < atom["probability"] < 1


def test_an_atom_that_one_member_of_three_sees_has_no_sigma() -> None:
    strong, weak = dots(SHAPE, [(30.0, 40.0)], 2.0), dots(SHAPE, [(30.0, 40.0)], 2.0, peak=0.45)
    (atom,) = find_atoms(*ensemble_of(strong, weak, weak), GRID)
    assert atom["support"] == pytest.approx(1 / 3)
    assert np.isnan(atom["sigma_row"])
    assert np.isnan(atom["sigma_column"])


def test_a_member_that_sees_nothing_at_all_spoils_nothing() -> None:
    strong = dots(SHAPE, [(30.0, 40.0)], 2.0)
    (atom,) = find_atoms(*ensemble_of(strong, strong, np.zeros(SHAPE)), GRID)
    assert atom["support"] == pytest.approx(2 / 3)
    assert atom["sigma_row"] == 0


def test_a_single_member_supports_its_own_atoms_but_has_no_sigma() -> None:
    (atom,) = find_atoms(*ensemble_of(dots(SHAPE, [(30.0, 40.0)], 2.0)), GRID)
    assert atom["support"] == 1
    assert np.isnan(atom["sigma_row"])


def test_what_is_exactly_at_the_threshold_is_no_atom() -> None:
    plateau = np.zeros(SHAPE, np.float32)
    plateau[20:24, 30:34] = 0.5
    assert len(find_atoms(*ensemble_of(plateau), GRID)) == 0
    assert len(find_atoms(*ensemble_of(np.nextafter(plateau, np.float32(1)) * (plateau > 0)), GRID)) == 1
    higher = dots(SHAPE, [(22.0, 32.0)], 2.0)
    (atom,) = find_atoms(*ensemble_of(higher, plateau), GRID)
    assert atom["support"] == 0.5


@pytest.mark.parametrize("place", [(0.0, 0.0), (63.0, 79.0), (0.0, 40.0), (30.0, 79.0)])
def test_an_atom_at_the_border_is_kept_inside_the_frame(place: tuple[float, float]) -> None:
    (atom,) = find_atoms(*ensemble_of(dots(SHAPE, [place], 2.0)), GRID)
    assert abs(atom["row"] - place[0]) < 1
    assert abs(atom["column"] - place[1]) < 1
    assert 0 <= atom["row"] <= 63
    assert 0 <= atom["column"] <= 79


def test_touching_atoms_are_two_with_support_and_sigma_of_their_own() -> None:
    first = dots(SHAPE, [(30.0, 36.0), (30.0, 44.0)], 3.0)
    second = dots(SHAPE, [(30.0, 36.6), (30.0, 44.0)], 3.0)
    atoms = find_atoms(*ensemble_of(first.clip(0, 1), second.clip(0, 1)), GRID)
    assert len(atoms) == 2
    np.testing.assert_allclose(atoms["column"], (36.3, 44.0), atol=1.1)
    assert (atoms["support"] == 1).all()
    assert atoms["sigma_column"][0] > atoms["sigma_column"][1]


def test_positions_sigmas_and_areas_are_given_on_the_frames_grid() -> None:
    maps = ensemble_of(dots(SHAPE, [(30.0, 40.0)], 2.0), dots(SHAPE, [(30.4, 40.8)], 2.0))
    (near,) = find_atoms(*maps, GRID)
    (far,) = find_atoms(*maps, Grid((192, 160), SHAPE), sampling=(0.02, 0.03))
    assert far["row"] == pytest.approx((near["row"] + 0.5) * 3 - 0.5, abs=1e-4)
    assert far["column"] == pytest.approx((near["column"] + 0.5) * 2 - 0.5, abs=1e-4)
    assert far["sigma_row"] == pytest.approx(near["sigma_row"] * 3, rel=1e-5)
    assert far["sigma_column"] == pytest.approx(near["sigma_column"] * 2, rel=1e-5)
    assert far["area"] == near["area"] * 6
    assert far["probability"] == near["probability"]


def test_classes_are_found_apart_and_listed_in_turn() -> None:
    carbon, silicon = dots(SHAPE, [(20.0, 20.0), (50.0, 60.0)], 2.0), dots(SHAPE, [(21.0, 60.0)], 2.0)
    maps = np.stack([np.stack([carbon, silicon])] * 2)
    atoms = find_atoms(maps[0], maps, GRID)
    assert atoms["class_id"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(atoms.positions(), [(20, 20), (50, 60), (21, 60)], atol=0.05)


def test_many_members_and_far_away_atoms_lose_no_precision() -> None:
    shape = (24, 5000)
    truth = (11.3, 4980.7)
    (atom,) = find_atoms(*ensemble_of(*[dots(shape, [truth], 2.5)] * 9), Grid(shape, shape))
    assert atom["column"] == pytest.approx(truth[1], abs=0.05)
    assert atom["sigma_column"] < 1e-4
