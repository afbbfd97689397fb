"""How the CPU is used while training, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


@contextmanager
def processor(threads: int | None = None) -> Iterator[None]:
    """Train on so many threads (None: torch's choice), with denormal numbers taken for zero: tiny gradients would slow everything down.

    Both hold for the whole process, so they are put back afterwards: SciPy's trees don't end where denormals are zero.
    """
    before = torch.get_num_threads(), cv2.getNumThreads()
    if threads is not None:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
