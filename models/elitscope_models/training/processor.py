"""How processor and GPU are used while training, and only then."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import torch

from elitscope_models.cores import usable_cores


@contextmanager
def processor(threads: int | None = None, device: str = "cpu") -> Iterator[None]:
    """Train on so many threads (None: torch's choice), with denormal numbers taken for zero: tiny gradients would slow everything down.

    On a GPU torch uses what gives the same numbers each time, where it has such a thing. All this holds for the whole process, so it is put
    back afterwards: SciPy's trees don't end where denormals are zero.
    """
    before = torch.get_num_threads(), cv2.getNumThreads(), torch.are_deterministic_algorithms_enabled()
    if threads is not None:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
    torch.set_flush_denormal(True)
    if device != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to repeat itself
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[2])
        torch.set_flush_denormal(False)
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def gpus() -> Sequence[str]:
    """GPUs that torch can train on, by the names that CUDA_VISIBLE_DEVICES takes; none where torch was built without them."""
    if not torch.cuda.is_available():
        return ()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(chosen.split(",")) if chosen else tuple(map(str, range(torch.cuda.device_count())))


def workers_for(members: int, threads: int) -> int:
    """How many members to train at once on this CPU: as many as its cores can bear, one at least."""
    return max(1, min(members, usable_cores() // threads))
