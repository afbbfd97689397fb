"""How far two analyses of one frame lie apart: under two plans, say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from elitscope.types import AtomTable
from elitscope_models.analyse import Analysis
from elitscope_models.manifest import Tolerance

FP32 = "fp32"


@dataclass(frozen=True)
class Check:
    """One plan against the first: mean absolute differences of mean and spread, and the farthest that an atom moved (px). `within`: the
    bundle's tolerance; `precision`: the plan's, which is only taken where it is within that, unless it is fp32."""

    plan: str
    mean: float
    std: float
    coordinates_px: float
    atoms: tuple[int, int]
    within: bool
    precision: str = FP32

    @property
    def harmless(self) -> bool:
        """Whether frames can't be analysed with other numbers than the bundle allows because of this plan."""
        return self.within or self.precision != FP32

    @property
    def summary(self) -> str:
        if self.atoms[0] == self.atoms[1] and not (self.mean or self.std or self.coordinates_px):
            return f"runs, {self.atoms[0]} atoms on the reference frame"
        figures = f"mean {self.mean:.1e}, spread {self.std:.1e}, atoms {self.coordinates_px:.3f} px"
        return f"differs from the first by {figures}; {self.atoms[1]} atoms for {self.atoms[0]}"


def compare(first: Analysis, second: Analysis, tolerance: Tolerance) -> Check:
    """How far two analyses of one frame lie apart."""
    mean = float(np.abs(first.mean - second.mean).mean())
    std = 0.0 if first.std is None or second.std is None else float(np.abs(first.std - second.std).mean())
    moved = _farthest(first.atoms, second.atoms)
    within = mean <= tolerance.mean and std <= tolerance.std and moved <= tolerance.coordinates_px
    return Check(second.plan, mean, std, moved, (len(first.atoms), len(second.atoms)), within)


def _farthest(first: AtomTable, second: AtomTable) -> float:
    """px between an atom and its nearest counterpart, at most; atoms near the threshold may appear in one analysis alone."""
    sure = [table.positions()[table["probability"] > 0.75] for table in (first, second)]
    everyone = [second.positions(), first.positions()]
    distances = [cKDTree(others).query(own)[0].max() for own, others in zip(sure, everyone, strict=True) if len(own) and len(others)]
    lonely = any(len(own) and not len(others) for own, others in zip(sure, everyone, strict=True))
    return float("inf") if lonely else float(max(distances, default=0.0))
