"""Sums over square blocks of pixels, in one pass: a map so coarse that looking around in it costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Map = np.ndarray[Any, np.dtype[np.float32]]


@compiled("void(Array(float32, 3, 'C', readonly=True), int64, int64, float32[:, ::1])")
def add_blocks(maps: Map, block: int, first: int, sums: Map) -> None:
    """Add what the maps hold to the sums of some rows of blocks; what is not a number counts nothing.

    Args:
        maps: float32 [map, row, column]; added up.
        block: px, side of a block; what is left over at the end of rows and columns is not looked at.
        first: row of blocks that `sums` begins with.
        sums: float32 [block row, block column], overwritten.
    """
    height, width = sums.shape
    columns = width * block
    line = np.empty(columns, np.float32)
    for row in range(height):
        line[:] = 0
        for index in range(len(maps)):
            for inner in range(block):
                pixels = maps[index, (first + row) * block + inner]
                for column in range(columns):
                    line[column] += np.float32(0) if np.isnan(pixels[column]) else pixels[column]
        for column in range(width):
            total = np.float32(0)
            for inner in range(column * block, (column + 1) * block):
                total += line[inner]
            sums[row, column] = total
