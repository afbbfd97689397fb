from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elitscope_models.tiles import Tiling

STRIDES = st.sampled_from([1, 2, 4, 8, 16])


@given(stride=STRIDES, halo=st.integers(0, 40), max_side=st.integers(1, 200), rows=st.integers(1, 60), columns=st.integers(1, 60))
def test_cores_cover_every_pixel_once_and_lie_a_halo_inside_their_windows(
    stride: int, halo: int, max_side: int, rows: int, columns: int
) -> None:
    tiling, shape = Tiling(stride, halo, max_side), (rows * stride, columns * stride)
    covered = np.zeros(shape, int)
    tiles = tiling.tiles(shape)
    for tile in tiles:
        covered[tile.core_index] += 1
        for side, (start, stop), (first, last) in zip(shape, tile.window, tile.core, strict=True):
            assert start % stride == stop % stride == first % stride == last % stride == 0
            assert 0 <= start <= first < last <= stop <= side
            assert stop - start <= max(max_side, 4 * (halo + stride))
            assert first == 0 or first - start >= halo
            assert last == side or stop - last >= halo
    assert (covered == 1).all()
    assert len({(r[1] - r[0], c[1] - c[0]) for r, c in (tile.window for tile in tiles)}) == 1


@given(stride=STRIDES, rows=st.integers(1, 500), columns=st.integers(1, 500))
def test_padding_reaches_the_next_multiple_of_the_stride(stride: int, rows: int, columns: int) -> None:
    padded = Tiling(stride, 0).padded((rows, columns))
    assert all(side % stride == 0 and 0 <= side - before < stride for side, before in zip(padded, (rows, columns), strict=True))


def test_a_frame_that_fits_is_one_tile() -> None:
    (tile,) = Tiling(8, 64, 768).tiles((768, 512))
    assert tile.window == tile.core == ((0, 768), (0, 512))


def test_a_frame_just_too_large_costs_little_more_than_one_pass() -> None:
    tiles = Tiling(8, 64, 768).tiles((904, 904))
    assert len(tiles) == 4
    assert sum((r[1] - r[0]) * (c[1] - c[0]) for r, c in (tile.window for tile in tiles)) < 1.4 * 904**2


def test_the_core_is_found_inside_its_window() -> None:
    image = np.arange(64 * 160).reshape(64, 160)
    for tile in Tiling(8, 16, 96).tiles(image.shape):
        np.testing.assert_array_equal(image[tile.window_index][tile.core_in_window], image[tile.core_index])
