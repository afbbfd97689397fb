from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from elitscope_models.blobs import connected_blobs
from elitscope_models.split import split_touching
from tests.support.frames import dots

SHAPE = (96, 96)
SINGLES = [(16.0, 16.0), (16.0, 48.0), (16.0, 80.0), (80.0, 16.0), (80.0, 48.0), (80.0, 80.0)]


def discs(places: list[tuple[float, float]], radius: float = 5.0) -> np.ndarray:
    """A map such as networks trained on discs give: nearly constant inside, steep at the rim."""
    rows, columns = np.indices(SHAPE)
    nearest = np.min([np.hypot(rows - row, columns - column) for row, column in places], axis=0)
    return (1 / (1 + np.exp(3 * (nearest - radius)))).astype(np.float32)


def centres(mean: np.ndarray) -> np.ndarray:
    """Weighted centres of the blobs after splitting, in reading order."""
    blobs = split_touching(mean, connected_blobs(mean > 0.5))
    weights = mean.ravel()[blobs.pixels]
    return np.column_stack([blobs.sums(weights * blobs.rows), blobs.sums(weights * blobs.columns)]) / blobs.sums(weights)[:, None]


def assert_found(mean: np.ndarray, places: list[tuple[float, float]], within: float) -> None:
    found = centres(mean)
    assert len(found) == len(places), f"{len(found)} blobs where there are {len(places)} atoms"
    distance = np.linalg.norm(found[:, None] - np.array(places)[None], axis=2)
    assert distance.min(axis=0).max() < within
    assert distance.min(axis=1).max() < within


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90])
@pytest.mark.parametrize("others", [[], SINGLES], ids=["alone", "among others"])
@pytest.mark.parametrize("distance", [8.5, 9.5])
def test_two_overlapping_discs_are_two_atoms(angle: float, others: list[tuple[float, float]], distance: float) -> None:
    step = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))]) * distance / 2
    pair = [(47.7 - step[0], 48.2 - step[1]), (47.7 + step[0], 48.2 + step[1])]
    mean = discs([*pair, *others])
    assert len(connected_blobs(mean > 0.5)) == 1 + len(others), "the discs do not touch: nothing is tested"
    assert_found(mean, [*pair, *others], within=0.8)


@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_two_peaks_with_a_saddle_above_the_threshold_are_two_atoms(angle: float) -> None:
    step = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))]) * 4.0
    pair = [tuple(np.array([48.0, 48.0]) - step), tuple(np.array([48.0, 48.0]) + step)]
    mean = np.clip(dots(SHAPE, [*pair, *SINGLES], sigma=3.0), 0, 1)
    assert len(connected_blobs(mean > 0.5)) == 1 + len(SINGLES)
    assert_found(mean, [*pair, *SINGLES], within=1.1)  # each takes the other's tail up to the line between them


def test_three_in_a_row_and_three_in_a_corner_come_apart() -> None:
    row = [(48.0, 39.0), (48.0, 48.0), (48.0, 57.0)]
    assert_found(discs([*row, *SINGLES]), [*row, *SINGLES], within=0.8)
    corner = [(44.0, 44.0), (44.0, 53.5), (53.5, 44.0)]
    assert_found(discs([*corner, *SINGLES]), [*corner, *SINGLES], within=0.8)


def test_a_whole_lattice_that_touches_comes_apart() -> None:
    places = [(float(row), float(column)) for row in range(10, 90, 9) for column in range(10, 90, 9)]
    mean = discs(places)
    assert len(connected_blobs(mean > 0.5)) == 1
    assert_found(mean, places, within=0.8)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_single_atoms_stay_whole(noise: float) -> None:
    mean = discs(SINGLES) + np.random.default_rng(0).normal(0, noise, SHAPE).astype(np.float32) * (discs(SINGLES) > 0.6)
    blobs = connected_blobs(mean > 0.5)
    assert len(split_touching(mean, blobs)) == len(SINGLES)


def test_one_atom_smeared_by_drift_is_one_atom() -> None:
    rows, columns = np.indices(SHAPE)
    smeared = np.exp(-((rows - 48) ** 2) / (2 * 3.0**2) - ((columns - 48) ** 2) / (2 * 5.5**2)).astype(np.float32)
    mean = np.maximum(smeared, discs(SINGLES))
    assert_found(mean, [(48.0, 48.0), *SINGLES], within=0.5)


def test_a_larger_atom_is_one_atom() -> None:
    mean = np.maximum(discs([(48.0, 48.0)], radius=8.0), discs(SINGLES))
    assert_found(mean, [(48.0, 48.0), *SINGLES], within=0.5)


def test_nothing_is_done_where_nothing_touches() -> None:
    mean = discs(SINGLES)
    blobs = connected_blobs(mean > 0.5)
    assert split_touching(mean, blobs) is blobs


def test_pixels_are_shared_out_and_none_is_lost() -> None:
    mean = discs([(48.0, 44.0), (48.0, 53.0), (5.0, 3.0), (5.0, 12.0)])
    before = connected_blobs(mean > 0.5)
    after = split_touching(mean, before)
    assert len(after) == 4
    assert sorted(after.pixels) == sorted(before.pixels)


IN_A_PROCESS_THAT_FLUSHES_DENORMALS = """
import numpy as np, torch
from elitscope_models.blobs import connected_blobs
from elitscope_models.split import split_touching
torch.set_flush_denormal(True)
rng = np.random.default_rng(0)
for _ in range(50):
    mean = rng.random((96, 80), dtype=np.float32) ** 0.7
    split_touching(mean, connected_blobs(mean > 0.5))
print("done")
"""


def test_it_ends_where_denormal_numbers_are_flushed_to_zero() -> None:
    pytest.importorskip("torch")
    ended = subprocess.run([sys.executable, "-c", IN_A_PROCESS_THAT_FLUSHES_DENORMALS], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "done"), ended.stderr
