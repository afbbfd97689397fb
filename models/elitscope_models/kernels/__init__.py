"""Loops over pixels that NumPy can only do in many passes, compiled; each in a file of its own. What they compute is plain arithmetic in a
fixed order, the same bits on every processor."""

from __future__ import annotations

from elitscope_models.kernels.agreement import agreement
from elitscope_models.kernels.apart import far_apart
from elitscope_models.kernels.bend import bend
from elitscope_models.kernels.blocks import add_blocks
from elitscope_models.kernels.compiled import Kernel
from elitscope_models.kernels.moments import add_moments
from elitscope_models.kernels.neighbours import around, in_cells
from elitscope_models.kernels.regions import linked_runs, regions
from elitscope_models.kernels.runs import runs

KERNELS: tuple[Kernel[..., object], ...] = (
    linked_runs,
    regions,
    runs,
    add_moments,
    agreement,
    bend,
    add_blocks,
    far_apart,
    in_cells,
    around,
)


def load_kernels() -> None:
    """Have all of them ready, so that no frame waits: a tenth of a second where they were compiled before, some seconds where they were
    not."""
    for kernel in KERNELS:
        kernel.load()
