"""How members agree on every blob: what share of them sees it, and how far apart they have its centre."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Floats = np.ndarray[Any, np.dtype[np.float64]]


@compiled("float64[:, ::1](Array(float64, 3, 'C', readonly=True))")
def agreement(sums: Floats) -> Floats:
    """Support and spread of the members' centres.

    Args:
        sums: float64 [member, region, 4], of `add_moments`.

    Returns:
        float64 [region, 3]: the share of members that pass the threshold inside the region (and are numbers all over it); the population
        standard deviation of their centres' rows and columns, NaN where fewer than two see it.
    """
    members, regions = sums.shape[0], sums.shape[1]
    found = np.empty((regions, 3))
    for region in range(regions):
        seen = 0
        row = 0.0
        column = 0.0
        for member in range(members):
            mass = sums[member, region, 0]
            if sums[member, region, 3] > 0 and not np.isnan(mass):
                seen += 1
                row += sums[member, region, 1] / mass
                column += sums[member, region, 2] / mass
        found[region, 0] = seen / members
        if seen < 2:
            found[region, 1] = np.nan
            found[region, 2] = np.nan
            continue
        row /= seen
        column /= seen
        rows = 0.0
        columns = 0.0
        for member in range(members):
            mass = sums[member, region, 0]
            if sums[member, region, 3] > 0 and not np.isnan(mass):
                rows += (sums[member, region, 1] / mass - row) ** 2
                columns += (sums[member, region, 2] / mass - column) ** 2
        found[region, 1] = np.sqrt(rows / seen)
        found[region, 2] = np.sqrt(columns / seen)
    return found
