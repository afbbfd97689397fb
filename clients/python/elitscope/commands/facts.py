"""The figures of one result, for tables and JSON."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from elitscope.commands.summary import STAGES
from elitscope.types import Result


def result_facts(result: Result) -> dict[str, Any]:
    """The figures of one result, as JSON holds them."""
    facts: dict[str, Any] = {
        "ensemble": result.ensemble,
        "ensemble_version": result.ensemble_version,
        "members": list(result.members),
        "revision": result.revision,
        "plan": result.plan,
        "sampling": None if result.sampling is None else list(result.sampling),
        "warnings": list(result.warnings),
        "timing": {f"{stage}_ms": round(getattr(result.timing, f"{stage}_ms"), 3) for stage in STAGES[:-1]},
    }
    if result.atoms is not None:
        facts.update(atom_facts(result))
    if result.hotspots is not None:
        facts["hotspots"] = result.hotspots.as_dicts()
    spread = uncertainty(result)
    if spread is not None:
        facts["uncertainty"] = round(spread, 6)
    return facts


def atom_facts(result: Result) -> dict[str, Any]:
    """Number of atoms, how many members see them on average, and how far the members disagree on where they are (median, px)."""
    atoms = result.atoms
    if atoms is None:
        return {}
    spread = np.hypot(atoms["sigma_row"], atoms["sigma_column"])
    known = spread[np.isfinite(spread)]
    return {
        "atoms": len(atoms),
        "mean_support": round(float(np.mean(atoms["support"])), 4) if len(atoms) else None,
        "median_sigma_px": round(float(np.median(known)), 4) if known.size else None,
    }


def uncertainty(result: Result) -> Optional[float]:
    """Mean spread of the members (standard deviation, 0–0.5) where the mean map says "atom"; None without maps or atoms."""
    if result.mean is None or result.std is None:
        return None
    spread = result.std[result.mean > 0.5]
    return float(np.mean(spread)) if spread.size else None
