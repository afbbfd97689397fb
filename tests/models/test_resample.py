from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.resample import Grid, network_grid
from tests.support.frames import dots

TRAINED = (0.05, 0.2)


def centre(image: np.ndarray) -> np.ndarray:
    """Centre of mass, (row, column)."""
    rows, columns = np.indices(image.shape)
    return np.array([(image * rows).sum(), (image * columns).sum()]) / image.sum()


@pytest.mark.parametrize("sampling", [None, (0.1, 0.1), (0.05, 0.2), (0.2, 0.05)])
def test_a_frame_of_unknown_or_trained_sampling_stays_on_its_grid(sampling: tuple[float, float] | None) -> None:
    assert network_grid((120, 80), sampling, 0.1, TRAINED) == Grid((120, 80), (120, 80))


@pytest.mark.parametrize(
    ("sampling", "network"),
    [
        ((0.02, 0.02), (24, 16)),
        ((0.4, 0.4), (480, 320)),
        ((0.02, 0.4), (24, 320)),
        ((0.1, 0.3), (120, 240)),
        ((0.2001, 0.2001), (240, 160)),
    ],
)
def test_any_other_frame_is_brought_to_the_native_sampling_on_both_axes(sampling: tuple[float, float], network: tuple[int, int]) -> None:
    assert network_grid((120, 80), sampling, 0.1, TRAINED).network == network


@pytest.mark.parametrize("network", [(96, 120), (64, 60), (50, 77), (160, 240), (131, 97), (64, 240), (40, 200)])
def test_a_dot_at_a_known_place_is_found_there_after_the_way_back(network: tuple[int, int]) -> None:
    grid = Grid((96, 120), network)
    place = np.array([41.3, 70.8])
    seen = centre(grid.image_to_network(dots(grid.frame, [tuple(place)], sigma=5.0)))
    back = (seen + 0.5) * grid.scale - 0.5
    np.testing.assert_allclose(back, place, atol=0.02)


def test_maps_come_back_to_the_frames_grid_in_place() -> None:
    grid = Grid((96, 120), (48, 90))
    there = np.stack([dots(grid.network, [(20.0, 30.0)], 4.0), dots(grid.network, [(30.0, 60.0)], 4.0)])[:, None]
    back = grid.maps_to_frame(there)
    assert back.shape == (2, 1, 96, 120)
    assert back.dtype == np.float32
    np.testing.assert_allclose(centre(back[0, 0]), (20.5 * 2 - 0.5, 30.5 * 4 / 3 - 0.5), atol=0.02)
    np.testing.assert_allclose(centre(back[1, 0]), (30.5 * 2 - 0.5, 60.5 * 4 / 3 - 0.5), atol=0.02)


def test_probabilities_stay_probabilities_on_the_way_back() -> None:
    maps = np.random.default_rng(0).random((1, 50, 40)).astype(np.float32)
    for frame in ((97, 31), (20, 80)):
        back = Grid(frame, (50, 40)).maps_to_frame(maps)
        assert 0 <= back.min() <= back.max() <= 1


def test_maps_on_the_same_grid_are_not_copied() -> None:
    maps = np.zeros((1, 8, 8), np.float32)
    assert Grid((8, 8), (8, 8)).maps_to_frame(maps) is maps


def test_fine_detail_is_averaged_and_not_aliased() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (64, 32))
    assert np.ptp(Grid((64, 64), (32, 32)).image_to_network(stripes)) == 0
