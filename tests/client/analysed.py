"""Made-up analyses for tests of what is done with results."""

from __future__ import annotations

import numpy as np

from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.types import ATOM_DTYPE, AtomTable, Result, Timing


def some_atoms(count: int, shape: tuple[int, int], classes: int = 2, seed: int = 0, sampling=(0.1, 0.12)) -> AtomTable:
    rng = np.random.default_rng(seed)
    atoms = np.zeros(count, ATOM_DTYPE)
    atoms["row"], atoms["column"] = rng.uniform(0, shape[0], count), rng.uniform(0, shape[1], count)
    atoms["class_id"], atoms["support"], atoms["area"] = rng.integers(0, classes, count), rng.uniform(0, 1, count), 20
    atoms["sigma_row"] = atoms["sigma_column"] = np.where(np.arange(count) % 2, 0.1, np.nan)
    return AtomTable.from_records(atoms, sampling)


def some_hotspots() -> HotspotTable:
    return HotspotTable.from_records(np.array([(10.0, 4.5, 6.0, 1, 2.5), (6.0, 20.0, 6.0, 0, 1.25)], HOTSPOT_DTYPE))


def a_result(frame_id: int = 0, shape: tuple[int, int] = (24, 32), atoms: int | AtomTable | None = 7, **changes) -> Result:
    """Two classes, three members, every output."""
    rng = np.random.default_rng(frame_id)
    facts = {
        "frame_id": frame_id,
        "stream": "haadf",
        "sequence": frame_id + 100,
        "ensemble": "toy",
        "ensemble_version": "1.2",
        "members": (0, 2, 5),
        "revision": 4,
        "plan": "openvino:cpu:f32:abc",
        "classes": ("C", "Si"),
        "sampling": (0.1, 0.12),
        "warnings": ("sampling_outside_range: 0.1 Å/px", "spread_uncalibrated"),
        "timing": Timing(1.0, 2.0, 30.5, 4.0, 38.0 + frame_id),
        "mean": rng.random((2, *shape), np.float32),
        "std": rng.random((2, *shape), np.float32),
        "atoms": some_atoms(atoms, shape) if isinstance(atoms, int) else atoms,
        "hotspots": some_hotspots(),
        "member_maps": rng.random((3, 2, *shape), np.float32),
    }
    return Result(**{**facts, **changes})
