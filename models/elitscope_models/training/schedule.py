"""How long, how fast and on how many threads a member is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Schedule:
    """How one member is fitted: Adam at a constant rate, the weights of the last steps averaged."""

    steps: int = 800
    """At most so many."""
    batch: int = 16
    averaged: int = 150
    """Last steps whose weights are averaged (stochastic weight averaging)."""
    learning_rate: float = 1e-3
    recount: int = 24
    """Batches from which the batch normalisation's statistics are counted anew after averaging."""
    threads: int = 1
    """CPU threads of each member: sums are split by them, so the weights depend on their number."""
    patience: int = 0
    """Checks in a row without a smaller loss on test frames after which the last steps, those that are averaged, begin; 0: never early."""
    check: int = 50
    """Steps from one check to the next."""
    precision: Precision = "fp32"
    """`bf16` multiplies in bfloat16: faster where the processor has AMX or is a GPU, and other weights."""
