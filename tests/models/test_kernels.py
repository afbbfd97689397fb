from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

import elitscope_models
from elitscope_models.kernels import KERNELS
from elitscope_models.kernels.agreement import agreement
from elitscope_models.kernels.apart import far_apart
from elitscope_models.kernels.bend import bend
from elitscope_models.kernels.blocks import add_blocks
from elitscope_models.kernels.compiled import Kernel
from elitscope_models.kernels.moments import add_moments
from elitscope_models.kernels.regions import linked_runs, regions
from elitscope_models.kernels.runs import runs

SIDES = st.integers(1, 24)
MASKS = hnp.arrays(np.uint8, st.tuples(SIDES, SIDES), elements=st.integers(0, 1))


def found_in(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count = int(mask.sum())
    return regions(linked_runs(mask, count), count, mask.shape[1])


@given(mask=MASKS)
@settings(deadline=None)
def test_regions_are_those_of_scipy_in_reading_order(mask: np.ndarray) -> None:
    pixels, starts = found_in(mask)
    expected, count = ndimage.label(mask)
    assert len(starts) == count
    by_first = sorted(np.flatnonzero(expected.ravel() == label).tolist() for label in range(1, count + 1))
    assert [part.tolist() for part in np.split(pixels, starts[1:]) if len(part)] == by_first


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7)])
def test_a_frame_that_is_all_one_region_is_one_run_a_row(shape: tuple[int, int]) -> None:
    pixels, starts = found_in(np.ones(shape, np.uint8))
    assert pixels.tolist() == list(range(shape[0] * shape[1]))
    assert starts.tolist() == [0]
    assert runs(pixels, starts, *shape).tolist() == [[row, 0, shape[1], 0] for row in range(shape[0])]


def test_a_spiral_and_a_comb_are_one_region_each() -> None:
    comb = np.zeros((9, 21), np.uint8)
    comb[:, ::2] = 1
    comb[-1] = 1
    assert len(found_in(comb)[1]) == len(found_in(comb[::-1].copy())[1]) == 1
    spiral = np.zeros((15, 15), np.uint8)
    top, left, bottom, right = 0, 0, 14, 14
    while top < bottom:
        spiral[top, left : right + 1] = spiral[top : bottom + 1, right] = 1
        spiral[bottom, left + 1 : right + 1] = spiral[top + 2 : bottom + 1, left + 1] = 1
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    assert len(found_in(spiral)[1]) == ndimage.label(spiral)[1]


@given(mask=MASKS)
@settings(deadline=None)
def test_runs_hold_every_pixel_once_in_reading_order(mask: np.ndarray) -> None:
    pixels, starts = found_in(mask)
    height, width = mask.shape
    found = runs(pixels, starts, height, width)
    covered = [row * width + column + step for row, column, length, _ in found for step in range(length)]
    assert covered == np.flatnonzero(mask).tolist()
    owner = np.full(mask.size, -1)
    owner[pixels] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(pixels)))
    assert all((owner[r * width + c : r * width + c + n] == region).all() for r, c, n, region in found)


def reference_sums(maps: np.ndarray, pixels: np.ndarray, starts: np.ndarray, threshold: np.float32) -> np.ndarray:
    """What `add_moments` gives, as NumPy has it: one gather and some segmented sums."""
    width = maps.shape[2]
    own = maps.reshape(len(maps), -1)[:, pixels].astype(np.float64)
    areas = np.diff(starts, append=len(pixels))
    first = np.repeat(pixels[starts], areas)
    down, right = pixels // width - first // width, pixels % width - first % width
    parts = (own, own * down, own * right, own > threshold)
    return np.stack([np.add.reduceat(part, starts, axis=1, dtype=np.float64) for part in parts], axis=-1)


def reference_agreement(sums: np.ndarray) -> np.ndarray:
    """What `agreement` gives, as NumPy has it."""
    sums = sums.swapaxes(0, 1)
    sees = (sums[..., 3] > 0) & ~np.isnan(sums[..., 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        places = np.where(sees[..., None], sums[..., 1:3] / sums[..., :1], np.nan)
    spread = [[np.nan, np.nan] if own.sum() < 2 else places[i][own].std(axis=0) for i, own in enumerate(sees)]
    return np.column_stack([sees.mean(axis=1), np.array(spread).reshape(-1, 2)])


@given(mask=MASKS, members=st.integers(1, 9), seed=st.integers(0, 2**32 - 1), broken=st.booleans(), strided=st.booleans())
@settings(deadline=None)
def test_sums_and_agreement_are_those_of_numpy(mask: np.ndarray, members: int, seed: int, broken: bool, strided: bool) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.random((members, 2, *mask.shape), dtype=np.float32)
    if broken:
        maps[rng.integers(members), :, rng.integers(mask.shape[0]), rng.integers(mask.shape[1])] = np.nan
    maps.flags.writeable = False
    own, threshold = maps[:, 1] if strided else np.ascontiguousarray(maps[:, 1]), np.float32(0.9)
    pixels, starts = found_in(mask)
    if not len(starts):
        return
    corners = np.stack(np.divmod(pixels[starts], mask.shape[1]), axis=1)
    found = runs(pixels, starts, *mask.shape)
    sums = np.zeros((members, len(starts), 4))
    cut = int(rng.integers(len(found) + 1))
    for part in (found[:cut], found[cut:]):
        add_moments(own, part, corners, threshold, sums)
    np.testing.assert_allclose(sums, reference_sums(own, pixels, starts, threshold), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(agreement(sums), reference_agreement(sums), rtol=1e-7, atol=1e-7)


def test_a_region_that_one_member_sees_has_no_spread_and_one_that_none_sees_no_support() -> None:
    sums = np.array([[[2.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]]])
    np.testing.assert_array_equal(agreement(sums), [[0.5, np.nan, np.nan], [0.0, np.nan, np.nan]])


@given(shape=st.tuples(st.integers(1, 90), st.integers(1, 70)), blocks=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_bending_is_what_opencv_and_numpy_give(shape: tuple[int, int], blocks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = min(blocks, shape[0])
    values, background = (rng.normal(0, 3, (count, shape[1])).astype(np.float32) for count in (shape[0], blocks))
    gain, room, out = rng.random(background.shape, dtype=np.float32) + np.float32(0.1), np.float32(0.7), np.empty_like(values)
    bend(values, background, gain, room, out)
    level, scale = (cv2.resize(lines, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(shape) for lines in (background, gain))
    scaled = (values - level) * scale
    over = np.maximum(scaled - np.float32(1), np.float32(0))
    expected = np.clip(scaled, np.float32(-1), np.float32(1)) + room * over / (room + over)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_an_array_of_another_kind_is_refused_instead_of_compiled_for(kernel: Kernel[..., object]) -> None:
    with pytest.raises(TypeError):
        kernel(np.zeros(3, np.complex128))


IN_A_COPY = """
import sys
from pathlib import Path
from elitscope_models.kernels.compiled import keep_compiled
if len(sys.argv) > 1:
    keep_compiled(Path(sys.argv[1]))
from elitscope_models.kernels.agreement import agreement
import numpy, elitscope_models
print(elitscope_models.__path__[0], agreement(numpy.ones((2, 1, 4)))[0].tolist())
"""


@pytest.mark.parametrize("kept", [False, True])
def test_where_nothing_can_be_written_it_computes_too_and_keeps_what_it_compiled_where_it_is_told(kept: bool, tmp_path: Path) -> None:
    copy = tmp_path / "installed" / "elitscope_models"
    shutil.copytree(elitscope_models.__path__[0], copy, ignore=shutil.ignore_patterns("__pycache__", "zoo", "training"))
    (copy / "kernels" / "__pycache__").write_text("no folder can be made here, whoever tries")
    environment = {"PYTHONPATH": str(copy.parent), "PATH": os.environ["PATH"], "HOME": os.devnull}
    arguments = [str(tmp_path / "kept")] if kept else []
    command = [sys.executable, "-c", IN_A_COPY, *arguments]
    found = subprocess.run(command, check=True, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.split() == [str(copy), "[1.0,", "0.0,", "0.0]"]
    assert any((tmp_path / "kept").rglob("*.nbi")) is kept


def test_what_was_compiled_is_found_by_the_next_process(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    written = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", IN_A_COPY], check=True, env=environment, capture_output=True)
        written.append({path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")})
    assert written[0]
    assert written[0] == written[1]


@given(
    maps=hnp.arrays(np.float32, st.tuples(st.integers(1, 3), SIDES, SIDES), elements=st.sampled_from([0.0, 0.25, 1.0, np.nan])),
    block=st.integers(1, 5),
    first=st.integers(0, 3),
)
@settings(deadline=None)
def test_blocks_are_sums_of_what_is_a_number(maps: np.ndarray, block: int, first: int) -> None:
    rows, columns = maps.shape[1] // block, maps.shape[2] // block
    whole = np.nan_to_num(maps).sum(axis=0)[: rows * block, : columns * block]
    expected = whole.reshape(rows, block, columns, block).sum(axis=(1, 3))
    sums = np.full((max(0, rows - first), columns), -1, np.float32)
    add_blocks(maps, block, first, sums)
    assert np.array_equal(sums, expected[first:])


@given(
    places=hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.just(2)), elements=st.integers(0, 12)),
    distance=st.sampled_from([0.0, 1.0, 3.0]),
    most=st.integers(1, 9),
)
@settings(deadline=None)
def test_places_are_taken_one_by_one_where_none_is_near(places: np.ndarray, distance: float, most: int) -> None:
    kept: list[int] = []
    for place in range(len(places)):
        if len(kept) < most and all(np.hypot(*(places[place] - places[other])) > distance for other in kept):
            kept.append(place)
    assert far_apart(places, distance, most).tolist() == kept
