from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.spread import mean_and_std


@pytest.mark.parametrize("members", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", [(1, 5, 7), (1, 128, 64), (2, 90, 91), (1, 1, 8193)])
def test_mean_and_population_spread_are_those_of_float64(members: int, shape: tuple[int, ...]) -> None:
    maps = np.random.default_rng(0).random((members, *shape), dtype=np.float32)
    mean, std = np.empty(shape, np.float32), np.empty(shape, np.float32)
    mean_and_std(maps, mean, std)
    np.testing.assert_allclose(mean, maps.mean(axis=0, dtype=np.float64), atol=3e-7)
    np.testing.assert_allclose(std, maps.astype(np.float64).std(axis=0), atol=3e-7)


def test_a_spread_far_smaller_than_the_mean_is_not_lost() -> None:
    tiny = np.array([[0.9], [0.9 + 1e-5]], np.float32)
    mean, std = np.empty(1, np.float32), np.empty(1, np.float32)
    mean_and_std(tiny, mean, std)
    assert std[0] == pytest.approx(tiny.astype(np.float64).std(), rel=0.01)


def test_the_spread_is_left_out_where_it_is_not_wanted() -> None:
    maps, mean = np.ones((2, 1, 4, 4), np.float32), np.empty((1, 4, 4), np.float32)
    mean_and_std(maps, mean, None)
    assert (mean == 1).all()
