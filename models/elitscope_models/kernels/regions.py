"""Connected regions of a mask, run by run: one pass over the mask, one over the runs of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Ints = np.ndarray[Any, np.dtype[np.int64]]


@compiled("int64[:, ::1](Array(uint8, 2, 'C', readonly=True), int64)")
def linked_runs(above: np.ndarray[Any, np.dtype[np.uint8]], count: int) -> Ints:
    """Runs of ones, each with one that comes earlier and touches it along an edge, directly or by way of others.

    Args:
        above: uint8 [row, column], zeros and ones.
        count: number of ones.

    Returns:
        int64 [run, 4], in reading order: row, column, length, number of that earlier run (its own where there is none).
    """
    height, width = above.shape
    found = np.empty((count, 4), np.int64)  # room for the most there can be; what is not touched costs nothing
    run = 0
    over = 0  # the row above has runs from here
    for row in range(height):
        line = above[row]
        begin = run
        column = 0
        while column < width:
            if line[column] == 0:
                column += 1
                continue
            start = column
            while column < width and line[column] != 0:
                column += 1
            found[run, 0] = row
            found[run, 1] = start
            found[run, 2] = column - start
            found[run, 3] = run
            while over < begin and found[over, 1] + found[over, 2] <= start:
                over += 1
            touching = over
            while touching < begin and found[touching, 1] < column:
                one = touching
                while found[one, 3] != one:
                    one = found[one, 3]
                other = run
                while found[other, 3] != other:
                    other = found[other, 3]
                found[max(one, other), 3] = min(one, other)
                touching += 1
            run += 1
        over = begin
    return found[:run]


@compiled("Tuple((int64[::1], int64[::1]))(int64[:, ::1], int64, int64)")
def regions(linked: Ints, count: int, width: int) -> tuple[Ints, Ints]:
    """Regions of linked runs, in the reading order of their first pixels.

    Args:
        linked: of `linked_runs`; what a run is linked to is overwritten by the number of its region, so that they become what `runs` gives.
        count: number of pixels of all runs.
        width: columns of the map.

    Returns:
        Flat indices of all pixels, region after region, in reading order within each; and where each region begins among them.
    """
    number = 0
    for run in range(len(linked)):  # what a run is linked to comes earlier, and has its region's number already
        if linked[run, 3] == run:
            linked[run, 3] = number
            number += 1
        else:
            linked[run, 3] = linked[linked[run, 3], 3]
    starts = np.zeros(number, np.int64)
    for run in range(len(linked)):
        starts[linked[run, 3]] += linked[run, 2]
    at = 0
    for region in range(number):
        area = starts[region]
        starts[region] = at
        at += area
    free = starts.copy()
    pixels = np.empty(count, np.int64)
    for run in range(len(linked)):
        region = linked[run, 3]
        at = free[region]
        first = linked[run, 0] * width + linked[run, 1]
        for step in range(linked[run, 2]):
            pixels[at + step] = first + step
        free[region] = at + linked[run, 2]
    return pixels, starts
