"""From what was observed to what is learnt: which atoms are marked, as which class, and which pixels count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elitscope_models.training.iterate.harvest import Labels
from elitscope_models.training.iterate.kinds import intensities, split
from elitscope_models.training.iterate.lattice import Surroundings, at_the_edge
from elitscope_models.training.iterate.observation import Observation
from elitscope_models.training.iterate.region import within
from elitscope_models.training.iterate.settings import Settings
from elitscope_models.training.iterate.sublattices import SURROUNDINGS, sublattices
from elitscope_models.training.iterate.successor import mask_radius

Array = np.ndarray[Any, np.dtype[Any]]


def labels_of(seen: Observation, learn: Sequence[int], settings: Settings) -> list[Labels]:
    """Atoms that are kept; those at the edge of what is, and those that members doubt, count neither for nor against."""

    def of_frame(index: int) -> Labels:
        sight, kept, unsure = seen.sights[index], seen.kept[index], seen.unsure[index]
        doubted = unsure | at_the_edge(sight.positions, kept, settings.patch)
        part = within(settings.regions, index, sight.image.shape, sight.frame.zoom)
        return Labels(kept & ~unsure, doubted, np.zeros(len(kept), int), part)

    return [of_frame(index) for index in learn]


def classified(seen: Observation, learn: Sequence[int], settings: Settings, note: Callable[[str], None]) -> list[Labels]:
    """Labels with classes by the kept atoms of all frames together: by their intensities, or by their surroundings."""
    labels = labels_of(seen, learn, settings)
    sights, kept = [seen.sights[index] for index in learn], [known.kept for known in labels]
    radius = mask_radius(seen.bundle.manifest)
    bright = [intensities(s.image, s.positions[own], radius / s.sampling) for s, own in zip(sights, kept, strict=True)]
    values, count = np.concatenate(bright), len(settings.classes)
    if settings.split_by == SURROUNDINGS:
        around = [Surroundings(s.image, s.mean.max(axis=0), s.positions[own]) for s, own in zip(sights, kept, strict=True)]
        kinds, how = sublattices(around, values, count, settings.seed), "by their surroundings"
    else:
        kinds, bounds = split(values, settings.split_by, count, settings.seed)
        how = f"at intensities {', '.join(f'{bound:.3g}' for bound in bounds)}"
    told = ", ".join(f"{name} {np.sum(kinds == kind)} ({values[kinds == kind].mean():.2f})" for kind, name in enumerate(settings.classes))
    note(f"classes {', '.join(settings.classes)}: divided {how}; atoms of each, and their mean intensity: {told}")
    of_frames = np.split(kinds, np.cumsum([len(own) for own in bright])[:-1])
    return [replace(known, kinds=_scattered(own, known.kept)) for own, known in zip(of_frames, labels, strict=True)]


def _scattered(kinds: Array, kept: Array) -> Array:
    """Classes of the kept atoms in the places of all atoms."""
    everywhere = np.zeros(len(kept), int)
    everywhere[kept] = kinds
    return everywhere
