"""Which of some places are told where many lie together: the first of each, in the order in which they come."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@compiled("int64[::1](Array(float64, 2, 'C', readonly=True), float64, int64)")
def far_apart(places: Floats, distance: float, most: int) -> Ints:
    """Numbers of the places that are farther than `distance` from every one that is taken before them; `most` of them.

    Args:
        places: float64 [place, 2].
    """
    taken = np.empty(most, np.int64)
    count = 0
    for place in range(len(places)):
        if count == most:
            break
        free = True
        for other in taken[:count]:
            down, right = places[place, 0] - places[other, 0], places[place, 1] - places[other, 1]
            if down * down + right * right <= distance * distance:
                free = False
                break
        if free:
            taken[count] = place
            count += 1
    return taken[:count]
