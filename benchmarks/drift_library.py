"""The movies that drift is measured on, each under the ensembles that it is measured with; analysed once, kept in a folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.drift_movies import NOMINAL, RAMPS, SAMPLING, STEADY, Kept, moves, pan, ramp, steady
from benchmarks.drift_subsets import Segment, f1, follow, looks_at, segments, subset_counts
from benchmarks.drift_watch import HOUR, Announced, Quiet, alarms_of, announced, quiet
from benchmarks.recorded import Recorded, recorded
from elitscope.simulator import Conditions, Imager, movie
from elitscope_models.bundle import load_bundle, write_bundle
from elitscope_models.drift import Look
from elitscope_models.drift.watch import Alarm
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_plan
from elitscope_models.truth import KnownFrame, from_simulated, read_truth
from elitscope_models.zoo import find_bundle

ATOMAI = "atomai"
_SIDE = (256, 256)
_HELD_BACK = (
    ("graphene", "graphene", 962), ("graphene-si", "graphene", 912), ("square-lattice", "square", 941), (ATOMAI, "graphene", 941),
    (ATOMAI, "graphene", 942), (ATOMAI, "graphene", 971), (ATOMAI, "graphene", 972), (ATOMAI, "graphene", 973),
)  # fmt: skip
"""Ensemble, lattice and seed of movies that nothing was fitted to."""
_EVERY = 3
"""Of the frames of a ramp, every third is judged with every subset."""
_MULTISLICE = "multislice"
_PER_CONDITION = 7 * HOUR // 6
"""Steady looks watched of each of the six conditions: seven hours of frames in all."""

Frames = Callable[[], Iterable[KnownFrame]]

STEADY_CONDITIONS: Mapping[str, tuple[str, str, Conditions, float]] = {
    "nominal": ("graphene", "graphene", NOMINAL, SAMPLING),
    "a seventh of the dose": ("graphene", "graphene", replace(NOMINAL, electrons=1.5), SAMPLING),
    "a fifth under carbon": ("graphene", "graphene", replace(NOMINAL, contamination=0.2, thickness=15.0), SAMPLING),
    "jitter of 1.2 px": ("graphene", "graphene", replace(NOMINAL, row_jitter=1.2, line_noise=0.02), SAMPLING),
    "two classes": ("graphene-si", "graphene", NOMINAL, SAMPLING),
    "square lattice": ("square-lattice", "square", replace(NOMINAL, width=0.9), 2 * SAMPLING),
}
"""Ensemble, lattice, conditions and Å/px of what stays the same."""


@dataclass
class Library:
    """`keep`: folder for what takes long; `data`: folder of the reference data."""

    keep: Path
    data: Path
    _ensembles: dict[str, Ensemble] = field(default_factory=dict)

    def ensemble(self, name: str) -> Ensemble:
        """One that ships, or AtomAI's."""
        if name not in self._ensembles:
            folder = self._imported() if name == ATOMAI else find_bundle(name)
            self._ensembles[name] = open_plan(load_bundle(folder), "fp32", threads=1)
        return self._ensembles[name]

    def movie(self, name: str, ensemble: str, frames: Frames, stated: float | None = None) -> list[Recorded]:
        """A movie as an ensemble's members see it."""
        return recorded(self.folder(name, ensemble), self.ensemble(ensemble), frames, stated)

    def folder(self, name: str, ensemble: str) -> Path:
        """Where it is kept."""
        return self.keep / ensemble / name.replace(" ", "-")

    def reference(self) -> Iterator[tuple[str, list[Segment]]]:
        """Multislice movies that came with the reference data, judged segment by segment."""
        for ensemble in ("graphene", "graphene-si", ATOMAI):
            yield self._judged("graphene_drift", ensemble, lambda: read_truth(self.data / "multislice" / "graphene_drift.npz"))
        yield self._judged("lsmo_nio", "square-lattice", lambda: read_truth(self.data / "multislice" / "lsmo_nio.npz"))

    def held_back(self) -> Iterator[tuple[str, list[Segment]]]:
        """The simulator's movies in which everything drifts, with seeds held back; ramps far beyond what anyone was trained on."""
        for ensemble, lattice, seed in _HELD_BACK:
            yield self._judged(f"simulated {lattice} {seed}", ensemble, _simulated(lattice, seed))
        for kind in RAMPS:
            for renderer, _, frames in self._ramps(kind):
                yield self._judged(f"{renderer} {kind}", "graphene", frames, SAMPLING, every=_EVERY)

    def ramps(self) -> list[tuple[str, Announced]]:
        """What watches say of ramps that follow a steady part; the renderer in words, and what was told."""
        told = []
        for kind in RAMPS:
            for renderer, before, frames in self._ramps(kind):
                calm = self.movie(f"{renderer} steady" if renderer == _MULTISLICE else "steady nominal", "graphene", before)
                seen = [*calm, *self.movie(f"{renderer} {kind}", "graphene", frames, SAMPLING)]
                seen = [replace(one, index=index) for index, one in enumerate(seen)]
                whole = np.array([one.score(one.atoms(one.members)).f1 for one in seen])
                told.append((renderer, announced(kind, looks_at(seen), whole)))
        return told

    def quiet(self) -> list[Quiet]:
        """False alarms under conditions that stay the same."""
        rng = np.random.default_rng(0)
        return [
            quiet(name, looks_at(self.movie(f"steady {name}", ensemble, _steady(lattice, conditions, sampling))), _PER_CONDITION, rng)
            for name, (ensemble, lattice, conditions, sampling) in STEADY_CONDITIONS.items()
        ]

    def moves(self) -> list[tuple[str, int, list[tuple[int, Alarm]]]]:
        """What watches say where only the place changes: in words, number of frames, alarms."""
        movies: dict[str, Frames] = {f"three moves, seed {seed}": _moved(seed) for seed in (51, 52)}
        movies["a stage that wanders by 0.3 Å a frame"] = lambda: pan(61, 160)
        told = []
        for name, frames in movies.items():
            looks = looks_at(self.movie(name, "graphene", frames))
            told.append((name, len(looks), alarms_of(looks)))
        return told

    def _ramps(self, kind: str) -> Iterator[tuple[str, Frames, Frames]]:
        """Renderer, steady part and ramp of a kind: by convolution with a probe; by multislice where it is at hand."""
        yield "probe", _steady("graphene", NOMINAL, SAMPLING), lambda: ramp(kind, 41)
        kept = (self.folder(f"{_MULTISLICE} {kind}", "graphene") / "done.json").exists()
        if kept or importlib.util.find_spec("abtem") is not None:
            yield _MULTISLICE, lambda: steady(21, STEADY, imager=_multislice()), lambda: ramp(kind, 21, _multislice())

    def _judged(self, name: str, ensemble: str, frames: Frames, stated: float | None = None, every: int = 1) -> tuple[str, list[Segment]]:
        seen = [replace(one, index=index) for index, one in enumerate(self.movie(name, ensemble, frames, stated)[::every])]
        looks: list[Look] = looks_at(seen)
        counts = subset_counts(self.folder(name, ensemble), seen)
        return f"{ensemble} on {name}", segments(seen, counts, follow(seen, looks))

    def _imported(self) -> Path:
        """AtomAI's ensemble as a bundle."""
        from elitscope_models.normalise import MinMax
        from elitscope_models.training.atomai import read_atomai
        from elitscope_models.training.atomai_bundle import Origin, complete, draft, export_member

        folder = self.keep / "bundles" / ATOMAI
        if not folder.exists():
            file = read_atomai(self.data / "atomai" / "graphene_ensemble_metadict.tar")
            origin = Origin(
                name=ATOMAI, release="1", sampling=0.1, sampling_range=(0.08, 0.125), classes=None, normalisation=MinMax(),
                atoms="weighted", domain="simulation", license="unknown",
            )  # fmt: skip
            manifest = draft(file, origin)
            members = {member: export_member(file, member) for member in manifest.member_ids}
            write_bundle(folder, complete(manifest, members), members)
        return folder


def _multislice() -> Imager:
    from elitscope_models.training.multislice import Multislice

    return Kept(Multislice())


def _simulated(lattice: str, seed: int, frames: int = 36, drift: str = "all") -> Frames:
    return lambda: map(from_simulated, movie(lattice, _SIDE, frames, seed, drift))


def _steady(lattice: str, conditions: Conditions, sampling: float) -> Frames:
    return lambda: steady(41, STEADY, conditions, lattice, sampling=sampling)


def _moved(seed: int) -> Frames:
    return lambda: moves(seed, 200)


__all__ = ["ATOMAI", "Library", "f1"]
