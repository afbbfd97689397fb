"""The last step of local normalisation: take the background off, scale the contrast to one, bend what is brighter. Background and contrast
are known block by block and interpolated here, since whole frames of them would cost more to write and read than the arithmetic does."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Image = np.ndarray[Any, np.dtype[np.float32]]


@compiled(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 2, 'C', readonly=True), Array(float32, 2, 'C', readonly=True), float32, "
    "float32[:, ::1])"
)
def bend(values: Image, background: Image, gain: Image, room: np.float32, out: Image) -> None:
    """`out` = (values - background) · gain, with what is above 1 bent towards 1 + room, without a kink, and -1 at least.

    Args:
        values: float32 [row, column], finite.
        background: float32 [block row, column], interpolated along the columns already; `gain` the same.
        room: how far above 1 values can come.
        out: float32 [row, column], overwritten.
    """
    one = np.float32(1)
    last = len(background) - 1
    for row in range(len(values)):
        place = min(max((row + 0.5) * len(background) / len(values) - 0.5, 0.0), float(last))
        upper = int(place)
        lower = min(upper + 1, last)
        share = np.float32(place - upper)
        rest = one - share
        for column in range(values.shape[1]):
            level = background[upper, column] * rest + background[lower, column] * share
            scale = gain[upper, column] * rest + gain[lower, column] * share
            scaled = (values[row, column] - level) * scale
            over = max(scaled - one, np.float32(0))
            out[row, column] = min(max(scaled, -one), one) + room * over / (room + over)
