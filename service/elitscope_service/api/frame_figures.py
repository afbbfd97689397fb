"""What a frame's analysis comes to in a few numbers, with the names and meanings that the command line has."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field

from elitscope.types import Result
from elitscope_models.fog import fog

THRESHOLD = 0.5
"""Probability that a pixel of an atom exceeds."""


class FrameFigures(BaseModel):
    """Figures of one frame; null where they can't be computed."""

    atoms: int = Field(description="Atoms found")
    atoms_by_class: dict[str, int] = Field(description="Atoms found, by name of their class")
    mean_probability: float | None = Field(description="Mean probability of the atoms, 0–1")
    mean_support: float | None = Field(description="Mean fraction of the active networks that see an atom, 0–1")
    median_sigma_px: float | None = Field(description="Median over atoms of the spread of the networks' positions, px of the frame")
    uncertainty: float | None = Field(description="Mean spread of the networks (standard deviation, 0–0.5) where the mean map says atom")
    fog: float | None = Field(description="Share of the mean maps' probability that lies outside atoms, 0–1")


def frame_figures(result: Result) -> FrameFigures:
    """The figures of a result that has its mean, std and atoms."""
    atoms = result.atoms
    count = 0 if atoms is None else len(atoms)
    by_class = np.zeros(len(result.classes), int) if atoms is None else np.bincount(atoms["class_id"], minlength=len(result.classes))
    sigma = np.zeros(0) if atoms is None else np.hypot(atoms["sigma_row"], atoms["sigma_column"]).view(np.ndarray)
    sigma = sigma[np.isfinite(sigma)]
    return FrameFigures(
        atoms=count,
        atoms_by_class={name: int(number) for name, number in zip(result.classes, by_class, strict=False)},
        mean_probability=_mean(None if atoms is None else atoms["probability"]),
        mean_support=_mean(None if atoms is None else atoms["support"]),
        median_sigma_px=round(float(np.median(sigma)), 4) if sigma.size else None,
        uncertainty=_mean(None if result.mean is None or result.std is None else result.std[result.mean > THRESHOLD]),
        fog=None if result.mean is None else _finite(fog(result.mean, THRESHOLD)),
    )


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None or not values.size else _finite(float(np.mean(values.view(np.ndarray))))


def _finite(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
