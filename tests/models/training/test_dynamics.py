"""Molecular dynamics: a sheet of carbon that loses its atoms one by one, the same from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from elitscope_models.training.dynamics import Dynamics, run

SMALL = Dynamics(cells=4, remaining=29, steps=6, snapshots=2)


def test_atoms_go_one_by_one_until_as_many_remain_as_asked_for() -> None:
    _, snapshots = run(SMALL)
    assert [len(each) for each in snapshots] == [31, 31, 30, 30, 29, 29]
    assert all(each.dtype == np.float32 for each in snapshots)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first, again, other = (run(replace(SMALL, seed=seed))[1] for seed in (1, 1, 2))
    assert [each.tobytes() for each in first] == [each.tobytes() for each in again]
    assert first[0].tobytes() != other[0].tobytes()


def test_a_nearly_whole_sheet_stays_graphene_with_thermal_motion() -> None:
    cell, snapshots = run(Dynamics(cells=5, remaining=48, steps=60, snapshots=1))
    images = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ cell
    around = (snapshots[-1] + images[:, None]).reshape(-1, 2)
    distances = cKDTree(around).query(snapshots[-1], 4)[0][:, 1:]
    bonded = distances[distances < 1.8]
    assert bonded.mean() == pytest.approx(1.42, abs=0.03)
    assert 0.02 < bonded.std() < 0.2
    assert len(bonded) >= 3 * 48 - 6
    assert np.linalg.norm(cell, axis=1) == pytest.approx([5 * 1.42 * 3**0.5] * 2, rel=1e-3)


def test_positions_lie_in_the_cell() -> None:
    cell, snapshots = run(SMALL)
    for each in snapshots:
        fractions = each @ np.linalg.inv(cell)
        assert fractions.min() >= -1e-5
        assert fractions.max() <= 1.0 + 1e-5


def test_every_step_is_told() -> None:
    told: list[int] = []
    run(replace(SMALL, steps=7), told.append)
    assert sum(told) == 7 * SMALL.removals


@pytest.mark.parametrize(
    ("wrong", "quoted"),
    [
        ({"remaining": 32}, "32 of 32 atoms"),
        ({"remaining": 0}, "0 of 32 atoms"),
        ({"cells": 1}, "1 cells"),
        ({"steps": 1}, "2 snapshots of 1 steps"),
        ({"snapshots": 0}, "0 snapshots"),
        ({"temperature": 0.0}, "0.0"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, float], quoted: str) -> None:
    with pytest.raises(ValueError, match=quoted):
        replace(SMALL, **wrong)  # type: ignore[arg-type]
