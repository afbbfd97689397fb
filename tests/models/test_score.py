"""Scores: perfect, missed, invented, ignored, exactly at the tolerance; and the same figures as the reference script's."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from elitscope_models.score import match, mean_iou, score, total

GRID = np.stack(np.meshgrid(np.arange(15.0, 90.0, 15.0), np.arange(15.0, 90.0, 15.0), indexing="ij"), -1).reshape(-1, 2)
SHAPE = (100, 100)


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        (GRID, GRID, (25, 0, 0)),
        (np.zeros((0, 2)), GRID, (0, 0, 25)),
        (GRID, np.zeros((0, 2)), (0, 25, 0)),
        (np.zeros((0, 2)), np.zeros((0, 2)), (0, 0, 0)),
        (GRID[1:], GRID, (24, 0, 1)),
        (np.concatenate([GRID, GRID[:1] + 7.0]), GRID, (25, 1, 0)),
        (np.concatenate([GRID, GRID[:1]]), GRID, (25, 1, 0)),
        (GRID + np.array([5.0, 0.0]), GRID, (25, 0, 0)),
        (GRID + np.array([5.001, 0.0]), GRID, (0, 25, 25)),
    ],
    ids=["perfect", "nothing found", "nothing there", "nothing at all", "missed", "invented", "twice", "at the tolerance", "beyond it"],
)
def test_counts(found: np.ndarray, true: np.ndarray, expected: tuple[int, int, int]) -> None:
    result = score(found, true, SHAPE, sampling=0.1)
    assert (result.true_positives, result.false_positives, result.false_negatives) == expected


def test_the_border_counts_only_after_matching() -> None:
    true, found = np.array([[9.0, 50.0]]), np.array([[11.0, 50.0]])
    assert score(found, true, SHAPE, 0.1).false_positives == 0
    assert score(true, found, SHAPE, 0.1).false_negatives == 0


def test_what_is_found_on_an_ignored_atom_is_no_mistake() -> None:
    ignore = np.arange(25) == 3
    assert score(np.concatenate([GRID, GRID[3:4] + 2.0]), GRID, SHAPE, 0.1, ignore).false_positives == 0
    assert score(np.delete(GRID, 3, axis=0), GRID, SHAPE, 0.1, ignore).false_negatives == 0


def test_the_assignment_matches_as_many_as_it_can() -> None:
    pairs, distances = match(np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([[0.0, 2.0], [0.0, -3.0]]), 4.0)
    assert pairs.tolist() == [[0, 1], [1, 0]]
    assert distances.tolist() == [3.0, 1.0]


def test_errors_are_in_angstrom() -> None:
    assert score(GRID + np.array([0.0, 3.0]), GRID, SHAPE, 0.1).rmse == pytest.approx(0.3)
    assert np.isnan(score(GRID[:0], GRID, SHAPE, 0.1).rmse)


def test_several_frames_count_as_one() -> None:
    summed = total([score(GRID, GRID, SHAPE, 0.1), score(GRID[5:], GRID, SHAPE, 0.1)])
    assert (summed.true_positives, summed.false_negatives, len(summed.errors)) == (45, 5, 45)
    assert (summed.precision, summed.recall, summed.f1) == (1.0, 0.9, pytest.approx(90 / 95))
    assert total([]).f1 == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_figures_equal_those_of_the_reference_script(shared_data: Path, seed: int) -> None:
    file = shared_data.parent / "score.py"
    if not file.is_file():
        pytest.skip(f"reference script not found: {file}")
    spec = importlib.util.spec_from_file_location("reference_score", file)
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)

    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 120, (60, 2))
    found = np.concatenate([true[rng.random(60) < 0.8] + rng.normal(0, 3.0, (1, 2)), rng.uniform(0, 120, (10, 2))])
    ignore = rng.random(60) < 0.2 if seed % 2 else None
    ours, theirs = (module.score(found, true, (120, 120), 0.1, ignore=ignore) for module in (_Ours, reference))
    assert (ours.true_positives, ours.false_positives, ours.false_negatives) == (theirs["tp"], theirs["fp"], theirs["fn"])
    assert (ours.precision, ours.recall, ours.f1) == (theirs["precision"], theirs["recall"], theirs["f1"])
    assert ours.rmse == pytest.approx(theirs["rmse"], nan_ok=True)
    assert np.array_equal(ours.errors, theirs["errors"])


class _Ours:
    score = staticmethod(score)


def test_iou_averages_over_background_too() -> None:
    truth = np.zeros((1, 10, 10), bool)
    truth[0, :5] = True
    assert mean_iou(truth.astype(float), truth) == 1.0
    assert mean_iou(np.zeros((1, 10, 10)), truth) == pytest.approx((0.0 + 0.5) / 2)
    assert mean_iou(np.full((1, 10, 10), 0.5), truth) == pytest.approx(0.25)  # 0.5 itself is not found
    assert mean_iou(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool)) == 1.0


def test_iou_leaves_out_what_is_not_known() -> None:
    truth = np.zeros((2, 4, 4), bool)
    truth[0, 0] = truth[1, 1] = True
    found = truth.astype(float)
    found[0, 3] = 1.0
    counted = np.ones((4, 4), bool)
    counted[3] = False
    assert mean_iou(found, truth, counted) == 1.0
    assert mean_iou(found, truth) < 1.0
