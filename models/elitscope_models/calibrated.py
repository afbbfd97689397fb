"""Atoms as a calibrated bundle gives them: sigmas that are errors, a probability that is a precision. Support stays a share of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from elitscope.types import AtomTable, Sampling
from elitscope_models.manifest import Calibration, PrecisionCalibration, SigmaCalibration

Entry = TypeVar("Entry", SigmaCalibration, PrecisionCalibration)


def calibrated(atoms: AtomTable, calibration: Calibration, members: int, sampling: Sampling) -> AtomTable:
    """The table with other sigmas and another probability; places, support and all else stay.

    Args:
        atoms: as they were read off the maps.
        calibration: the bundle's.
        members: how many were active.
        sampling: Å/px of the frame, (row, column).
    """
    found = atoms.copy()
    sigma, precision = _entry(calibration.sigma, members), _entry(calibration.precision, members)
    if sigma is not None and members > 1:
        for name, spacing in zip(("sigma_row", "sigma_column"), sampling, strict=True):
            found[name] = np.hypot(sigma.factor * np.asarray(atoms[name]), sigma.floor / spacing)
    if precision is not None:
        found["probability"] = np.interp(evidence(atoms), precision.evidence, precision.precision)
    return found


def evidence(atoms: AtomTable) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What is calibrated to a precision: support times probability, float64 [atom]."""
    return np.asarray(atoms["support"], np.float64) * np.asarray(atoms["probability"], np.float64)


def _entry(entries: Sequence[Entry], members: int) -> Entry | None:
    """That of the nearest number of members that is not larger, or else the first."""
    fitting = [entry for entry in entries if entry.members <= members]
    return fitting[-1] if fitting else next(iter(entries), None)
