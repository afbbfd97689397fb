"""The last step of local normalisation: take the background off, scale the contrast to one, bend what is brighter."""

from __future__ import annotations

from typing import Any

import numpy as np

from elitscope_models.kernels.compiled import compiled

Image = np.ndarray[Any, np.dtype[np.float32]]


@compiled(
    "void(Array(float32, 1, 'C', readonly=True), Array(float32, 1, 'C', readonly=True), Array(float32, 1, 'C', readonly=True), float32, "
    "float32[::1])"
)
def bend(values: Image, background: Image, gain: Image, room: np.float32, out: Image) -> None:
    """`out` = (values - background) · gain, with what is above 1 bent towards 1 + room, without a kink, and -1 at least.

    All arrays are float32 [pixel], finite; all arithmetic is float32.
    """
    one = np.float32(1)
    for pixel in range(len(values)):
        scaled = (values[pixel] - background[pixel]) * gain[pixel]
        over = max(scaled - one, np.float32(0))
        out[pixel] = min(max(scaled, -one), one) + room * over / (room + over)
