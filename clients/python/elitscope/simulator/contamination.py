"""Amorphous carbon on the specimen: bright, speckled, and growing in place."""

from __future__ import annotations

import numpy as np

from elitscope.simulator.conditions import REFERENCE_WIDTH, SIGMA, Conditions

CARBON_DENSITY = 0.1
"""Atoms per Å³ of amorphous carbon (2.0 g/cm³)."""


def contamination_map(shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Thickness of amorphous carbon, Å, float32 [row, column]; the same for equal `pattern`, growing with `contamination`."""
    if conditions.contamination <= 0:
        return np.zeros(shape, np.float32)
    rows, columns = (np.arange(side) * sampling for side in shape)
    return _thickness(rows, columns, shape, sampling, conditions)


def amorphous_signal(shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Signal of the contamination: its atoms counted in cells as wide as an atom's image, so that it is bright *and* speckled."""
    sigma = conditions.width * SIGMA
    rows, columns = (np.arange(-3.0, side * sampling / sigma + 3.0) * sigma for side in shape)
    atoms = CARBON_DENSITY * sigma**2 * _thickness(rows, columns, shape, sampling, conditions)
    speckle = np.random.default_rng((conditions.pattern, 2)).standard_normal(atoms.shape)
    atoms = (atoms + np.sqrt(atoms) * speckle).clip(0.0)
    down, across = (np.exp(-0.5 * ((np.arange(side)[:, None] * sampling - at) / sigma) ** 2) for side, at in zip(shape, (rows, columns)))
    return np.asarray((REFERENCE_WIDTH / conditions.width) ** 2 * (down @ atoms @ across.T), np.float32)


def _thickness(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Å of amorphous carbon at the given rows and columns (Å): smooth noise above the level that leaves `contamination` of the frame."""
    rng = np.random.default_rng((conditions.pattern, 1))
    step = conditions.patch / 2.0
    extent = np.asarray(shape) * sampling
    knots = [np.arange(-2, int(side / step) + 4) * step for side in extent]
    noise = rng.standard_normal((len(knots[0]), len(knots[1])))

    def smooth(at_rows: np.ndarray, at_columns: np.ndarray) -> np.ndarray:
        down, across = (np.exp(-0.5 * ((at[:, None] - k) / step) ** 2) for at, k in ((at_rows, knots[0]), (at_columns, knots[1])))
        return np.asarray(down @ noise @ across.T)

    coarse = smooth(*(np.linspace(0.0, side, 48) for side in extent))
    level = np.quantile(coarse, 1.0 - conditions.contamination)
    above = (smooth(rows, columns) - level) / max(float(noise.std()) * 2.0, 1e-6)
    return np.asarray(conditions.thickness * above.clip(0.0, 1.0), np.float32)
