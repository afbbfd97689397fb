"""How long, how fast and on how many threads a member is fitted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How one member is fitted: Adam at a constant rate, the weights of the last steps averaged."""

    steps: int = 800
    batch: int = 16
    averaged: int = 150
    """Last steps whose weights are averaged (stochastic weight averaging)."""
    learning_rate: float = 1e-3
    recount: int = 24
    """Batches from which the batch normalisation's statistics are counted anew after averaging."""
    threads: int = 1
    """CPU threads of each member: sums are split by them, so the weights depend on their number."""
