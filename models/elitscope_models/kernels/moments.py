"""What every member says of every blob, in one pass over the maps: how much probability, where its centre is, whether it passes the
threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@compiled(
    "void(Array(float32, 3, 'A', readonly=True), Array(int64, 2, 'C', readonly=True), Array(int64, 2, 'C', readonly=True), float32, "
    "float64[:, :, ::1])"
)
def add_moments(maps: np.ndarray[Any, np.dtype[np.float32]], found: Ints, corners: Ints, threshold: np.float32, sums: Floats) -> None:
    """Add what lies in some runs to the sums of their regions.

    Sums are float64, of places relative to the region's corner: exact enough that their order does not show in float32. Two members are
    read at a time: each addition waits for the one before it, so that two sums take no longer than one.

    Args:
        maps: float32 [member, row, column].
        found: int64 [run, 4]: row, column, length, region.
        corners: int64 [region, 2]: row and column that moments are relative to.
        threshold: what a pixel must exceed to be counted.
        sums: float64 [member, region, 4], added to: values, values × row, values × column, number of pixels above the threshold.
    """
    members = np.uint64(len(maps))
    one, two = np.uint64(1), np.uint64(2)
    for run in range(len(found)):
        row, start, region = np.uint64(found[run, 0]), np.uint64(found[run, 1]), np.uint64(found[run, 3])
        stop = start + np.uint64(found[run, 2])
        down = np.float64(found[run, 0] - corners[region, 0])
        right = np.float64(found[run, 1] - corners[region, 1])
        member = np.uint64(0)  # unsigned, like all indices here: signed ones are looked at for being negative
        while member < members:
            other = min(member + one, members - one)  # the last of an odd number is read twice, and added once
            mass = 0.0
            moment = 0.0
            above = np.int64(0)
            other_mass = 0.0
            other_moment = 0.0
            other_above = np.int64(0)
            step = 0.0
            column = start
            while column < stop:
                value = maps[member, row, column]
                mass += value
                moment += value * step
                above += np.int64(value > threshold)
                value = maps[other, row, column]
                other_mass += value
                other_moment += value * step
                other_above += np.int64(value > threshold)
                step += 1.0
                column += one
            sums[member, region, 0] += mass
            sums[member, region, 1] += mass * down
            sums[member, region, 2] += mass * right + moment
            sums[member, region, 3] += above
            if other != member:
                sums[other, region, 0] += other_mass
                sums[other, region, 1] += other_mass * down
                sums[other, region, 2] += other_mass * right + other_moment
                sums[other, region, 3] += other_above
            member += two
