"""What an ensemble makes of all frames of an experiment, and which of its atoms are to be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.training.iterate.choice import Choice
from elitscope_models.training.iterate.experiment import Frame, Sight, look, on_grid
from elitscope_models.training.iterate.lattice import Surroundings, divide
from elitscope_models.training.iterate.rate import best_density, detection_rate
from elitscope_models.training.iterate.settings import Settings
from elitscope_models.training.iterate.steady import steady
from elitscope_models.training.iterate.successor import mask_radius

Array = np.ndarray[Any, np.dtype[Any]]
Watch = Callable[[Iterable[Frame], str], Iterable[Frame]]

_SUPPORT = 0.5
"""Share of the members that see an atom from which on it counts as identified."""


@dataclass(frozen=True)
class Observation:
    """What an ensemble made of all frames. `kept`, `unsure`: of each frame, bool [atom]; `identified`: of each frame, atoms that are kept,
    not unsure and seen by most members; `filtered`: in words."""

    bundle: Bundle
    choice: Choice
    sights: tuple[Sight, ...]
    kept: tuple[Array, ...]
    unsure: tuple[Array, ...]
    identified: tuple[int, ...]
    filtered: str

    @property
    def total(self) -> int:
        """Identified atoms in all frames."""
        return sum(self.identified)

    def names(self, index: int) -> tuple[str, ...]:
        """Classes of a frame's maps; "atom" where several were taken for one."""
        names = self.bundle.manifest.class_names
        return names if len(names) == len(self.sights[index].mean) else ("atom",)

    @property
    def density(self) -> float:
        """Atoms per Å² where they were found best."""
        places = [sight.positions[kept] * sight.sampling for sight, kept in zip(self.sights, self.kept, strict=True)]
        sizes = [(sight.image.shape[0] * sight.sampling, sight.image.shape[1] * sight.sampling) for sight in self.sights]
        return best_density(places, sizes)

    def rates(self, density: float) -> list[float]:
        """Detection rate of every frame."""
        return [detection_rate(n, sight.area, density) for n, sight in zip(self.identified, self.sights, strict=True)]


def observe(
    frames: Sequence[Frame], ensemble: Ensemble, choice: Choice, settings: Settings, watch: Watch, title: str, united: bool = True
) -> Observation:
    """Look at all frames with the chosen members; `united`: with whatever classes they know taken for one (`look`)."""
    sights = tuple(look(on_grid(frame, ensemble), ensemble, choice.members, united) for frame in watch(frames, title))
    kept, words = tuple(np.ones(len(sight.positions), bool) for sight in sights), []
    if settings.filter in ("gmm", "both"):
        division = divide([Surroundings(s.image, s.mean.max(axis=0), s.positions) for s in sights], settings.seed, settings.patch)
        kept = division.kept
        words.append(division.words)
    unsure = tuple(np.zeros(len(sight.positions), bool) for sight in sights)
    if settings.filter in ("variance", "both") and len(choice.members) > 1:
        radius = mask_radius(ensemble.bundle.manifest)
        unsure = tuple(~steady(s.std, s.positions, radius / s.sampling, settings.spread) for s in sights if s.std is not None)
        words.append(f"left out {sum(int(each.sum()) for each in unsure)} atoms with a spread above {settings.spread:g}")
    identified = tuple(
        int(np.count_nonzero(good & ~doubt & (sight.support >= _SUPPORT))) for sight, good, doubt in zip(sights, kept, unsure, strict=True)
    )
    return Observation(ensemble.bundle, choice, sights, kept, unsure, identified, "; ".join(words) or "nothing filtered")
