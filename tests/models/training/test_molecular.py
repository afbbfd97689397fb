"""Snapshots are computed once and kept, and fill any field of view without a seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from elitscope.simulator.specimen import brightness
from elitscope_models.training.dynamics import Dynamics
from elitscope_models.training.molecular import MolecularSheets, Snapshots, cache_folder, molecular_specimen, snapshots

SMALL = Dynamics(cells=3, remaining=15, steps=2, snapshots=1)
BOND = 1.42
CELL = 4 * BOND * np.array([[3**0.5, 0.0], [3**0.5 / 2, 1.5]])


def perfect() -> Snapshots:
    """Four by four cells of graphene at rest."""
    steps = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(-1, 2)
    sites = (steps @ (CELL / 4))[:, None] + np.array([[0.0, 0.0], [0.0, BOND]])
    return Snapshots(CELL.astype(np.float32), (sites.reshape(-1, 2).astype(np.float32),))


def refused(dynamics: Dynamics, path: Path) -> Snapshots:
    raise AssertionError(f"{path} was computed again")


def test_a_run_is_computed_once_and_read_from_then_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = snapshots(SMALL, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert str(file) in capfd.readouterr().err.replace("\n", "")
    again = snapshots(SMALL, tmp_path / "cache", refused)
    assert [len(each) for each in first.positions] == [17, 16, 15]
    assert np.array_equal(first.cell, again.cell)
    assert all(np.array_equal(a, b) for a, b in zip(first.positions, again.positions, strict=True))


def test_other_parameters_are_another_run(tmp_path: Path) -> None:
    def computed(dynamics: Dynamics, path: Path) -> Snapshots:
        return perfect()

    for dynamics in (SMALL, replace(SMALL, seed=1), replace(SMALL, steps=3), SMALL):
        snapshots(dynamics, tmp_path, computed)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken(dynamics: Dynamics, path: Path) -> Snapshots:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshots(SMALL, tmp_path, broken)
    assert not list(tmp_path.iterdir())


def test_the_cache_is_where_the_environment_says() -> None:
    assert cache_folder({"ELITSCOPE_CACHE": "/here", "XDG_CACHE_HOME": "/there"}) == Path("/here")
    assert cache_folder({"XDG_CACHE_HOME": "/there"}) == Path("/there/elitscope")
    assert cache_folder({}) == Path.home() / ".cache" / "elitscope"


def test_periodic_images_fill_the_field_and_its_margin_without_a_seam() -> None:
    sheet = molecular_specimen((37.0, 23.0), np.random.default_rng(3), perfect())
    inner = ((sheet.positions > -2.0) & (sheet.positions < (39.0, 25.0))).all(axis=1)
    nearest = cKDTree(sheet.positions).query(sheet.positions[inner], 4)[0][:, 1:]
    assert nearest == pytest.approx(BOND, abs=1e-4)
    assert inner.sum() / (41.0 * 27.0) == pytest.approx(0.382, rel=0.04)
    assert (sheet.class_ids == 0).all()
    assert (sheet.weights == 1.0).all()


def test_place_and_rotation_are_random_and_the_rotation_can_be_given() -> None:
    first, second = (molecular_specimen((20.0, 20.0), np.random.default_rng(seed), perfect(), rotation=0.0) for seed in (1, 2))
    other = molecular_specimen((20.0, 20.0), np.random.default_rng(1), perfect())

    def direction(positions: np.ndarray) -> float:
        middle, nearest = cKDTree(positions).query((10.0, 10.0))[1], cKDTree(positions)
        step = positions[nearest.query(positions[middle], 2)[1][1]] - positions[middle]
        return float(np.degrees(np.arctan2(step[1], step[0])) % 60.0)

    assert direction(first.positions) == pytest.approx(direction(second.positions), abs=0.1)
    assert direction(first.positions) != pytest.approx(direction(other.positions), abs=0.1)
    assert cKDTree(first.positions).query(second.positions)[0].max() > 0.05


def test_each_snapshot_comes_up() -> None:
    whole = perfect()
    thin = replace(whole, positions=(whole.positions[0], whole.positions[0][:8]))
    counts = np.array([len(molecular_specimen((20.0, 20.0), np.random.default_rng(seed), thin)) for seed in range(12)])
    assert (counts > 250).any()
    assert (counts < 100).any()


def test_silicon_is_bright_and_pushes_its_neighbours_away() -> None:
    sheet = molecular_specimen((60.0, 60.0), np.random.default_rng(0), perfect(), dopants=0.02)
    silicon = sheet.class_ids == 1
    assert silicon.mean() == pytest.approx(0.02, abs=0.012)
    assert np.unique(sheet.weights[silicon]) == pytest.approx([brightness(14)])
    nearest = cKDTree(sheet.positions).query(sheet.positions[silicon], 2)[0][:, 1]
    assert np.median(nearest) > BOND + 0.04


def test_atoms_above_each_other_are_one_column_as_bright_as_both() -> None:
    pair = Snapshots(np.array([[9.0, 0.0], [0.0, 9.0]], np.float32), (np.array([[1.0, 1.0], [1.3, 1.0], [5.0, 5.0]], np.float32),))
    sheet = molecular_specimen((90.0, 90.0), np.random.default_rng(0), pair, rotation=0.0)
    inner = ((sheet.positions > -3.0) & (sheet.positions < 93.0)).all(axis=1)
    weights = sheet.weights[inner]
    assert set(weights) == {1.0, 2.0}
    assert (weights == 2.0).mean() == pytest.approx(0.5, abs=0.06)


def test_a_cell_that_has_lost_everything_here_leaves_an_empty_field() -> None:
    empty = Snapshots(perfect().cell, (np.zeros((0, 2), np.float32),))
    assert len(molecular_specimen((20.0, 20.0), np.random.default_rng(0), empty)) == 0


def test_sheets_are_drawn_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELITSCOPE_CACHE", str(tmp_path))
    sheets = MolecularSheets(SMALL, dopants=0.1)
    first, again, other = (sheets.draw((15.0, 12.0), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(list(tmp_path.iterdir())) == 1
    assert np.array_equal(first.positions, again.positions)
    assert first.positions.shape != other.positions.shape or not np.array_equal(first.positions, other.positions)
    assert first.classes == ("C", "Si")
