"""Regions of frames: what is typed, and which pixels that means."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope_models.training.iterate.region import Region, read_region, within


def test_a_frame_without_a_region_is_learnt_from_as_a_whole() -> None:
    assert within((), 0, (4, 5), (1.0, 1.0)).all()
    assert within([Region(1, 0, 0, 2, 2)], 0, (4, 5), (1.0, 1.0)).all()


def test_regions_add_up_and_follow_a_frame_that_was_resampled() -> None:
    mask = within([Region(0, 0, 0, 4, 4), Region(0, 10, 10, 2, 100)], 0, (10, 10), (0.5, 0.5))
    assert np.argwhere(mask)[:, 0].tolist() == [0, 0, 1, 1, *[5] * 5]


@pytest.mark.parametrize("text", ["", "0", "0:1,2,3", "x:0,0,4,4", "0:0,0,0,4", "0:-1,0,4,4"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no region"):
        read_region(text)
