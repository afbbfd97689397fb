"""How long one frame takes, from the client's call to its answer."""

from __future__ import annotations

import time

import numpy as np

from elitscope import Client


def round_trip_ms(client: Client, pixels: np.ndarray, sampling: float) -> float:
    """Milliseconds from the frame's leaving to its result; `sampling` in Å/px."""
    started = time.perf_counter()
    client.infer(pixels, sampling=sampling)
    return 1e3 * (time.perf_counter() - started)
