"""The neighbours of places: how far the nearest is, how many lie near, and whether they lie all around. Places are put into the cells of
a grid first, so that nobody is compared with everybody."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@compiled("Tuple((int64[::1], int64[::1]))(Array(float64, 2, 'C', readonly=True), float64, int64, int64)")
def in_cells(places: Floats, cell: float, height: int, width: int) -> tuple[Ints, Ints]:
    """Numbers of the places, cell by cell, and where each cell begins among them, int64 [height · width + 1].

    Args:
        places: float64 [place, 2], (row, column), each above -cell and below (height, width) · cell.
    """
    starts = np.zeros(height * width + 1, np.int64)
    own = np.empty(len(places), np.int64)
    for place in range(len(places)):
        own[place] = np.int64(places[place, 0] / cell) * width + np.int64(places[place, 1] / cell)
        starts[own[place] + 1] += 1
    for index in range(height * width):
        starts[index + 1] += starts[index]
    free = starts.copy()
    order = np.empty(len(places), np.int64)
    for place in range(len(places)):
        order[free[own[place]]] = place
        free[own[place]] += 1
    return order, starts


@compiled(
    "void(Array(float64, 2, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), float64, int64, "
    "float64, Array(int64, 1, 'C', readonly=True), float64[:, ::1])"
)
def around(places: Floats, order: Ints, starts: Ints, cell: float, width: int, reach: float, asked: Ints, found: Floats) -> None:
    """What lies within `reach` of some places, other than themselves.

    Args:
        places, order, starts, cell, width: as `in_cells` has them.
        reach: not above `cell`.
        asked: int64, numbers of the places.
        found: float64 [asked, 4], overwritten: distance of the nearest (`reach` where there is none), how many there are, and the
            sum of the ways to them, (row, column).
    """
    height = (len(starts) - 1) // width
    for number in range(len(asked)):
        place = asked[number]
        row, column = places[place, 0], places[place, 1]
        down, right = int(row / cell), int(column / cell)
        nearest = reach * reach
        count, rows, columns = 0.0, 0.0, 0.0
        for band in range(max(0, down - 1), min(height, down + 2)):
            begin, end = band * width + max(0, right - 1), band * width + min(width, right + 2)
            for index in range(starts[begin], starts[end]):
                other = order[index]
                along, across = places[other, 0] - row, places[other, 1] - column
                squared = along * along + across * across
                if other != place and squared < reach * reach:
                    nearest = min(nearest, squared)
                    count += 1.0
                    rows += along
                    columns += across
        found[number, 0] = np.sqrt(nearest)
        found[number, 1] = count
        found[number, 2] = rows
        found[number, 3] = columns
