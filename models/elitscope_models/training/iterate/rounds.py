"""The loop (ELIT paper, Algorithm 1, lines 2–10): look, choose, drop what is no lattice, train on what is left, look again.

    parent → members chosen → atoms in every frame → lattice or dirt → best frames → labelled squares → a new ensemble → ...

Each round leaves a bundle that a server can load, and a record; everything that decides a round stands in its bundle's manifest. Nothing
is drawn at random but by the seed, so a loop that was stopped finds its own rounds again and goes on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_plan
from elitscope_models.training.augment import EXPERIMENTAL_CROP
from elitscope_models.training.baseline import Baseline
from elitscope_models.training.files import replace_file
from elitscope_models.training.iterate.choice import Choice, View, chosen, propose, view_members
from elitscope_models.training.iterate.experiment import Frame, Sight, look, on_grid
from elitscope_models.training.iterate.harvest import Harvest, Labels, harvest
from elitscope_models.training.iterate.kinds import intensities, split
from elitscope_models.training.iterate.lattice import PATCH, Surroundings, at_the_edge, divide
from elitscope_models.training.iterate.lineage import KEY, extended
from elitscope_models.training.iterate.rate import best_density, detection_rate
from elitscope_models.training.iterate.steady import SPREAD, steady
from elitscope_models.training.iterate.successor import mask_radius, start_from, succeed
from elitscope_models.training.origin import Origin
from elitscope_models.training.recipes import Recipe

Array = np.ndarray[Any, np.dtype[Any]]
Watch = Callable[[Iterable[Frame], str], Iterable[Frame]]
Filter = Literal["gmm", "variance", "both", "none"]

_SUPPORT = 0.5
"""Share of the members that see an atom from which on it counts as identified."""


@dataclass(frozen=True)
class Settings:
    """What decides a loop; stands in every manifest."""

    name: str
    """Of the new bundles."""
    rounds: int = 3
    """At most so many."""
    members: tuple[int, ...] | None = None
    """Of the parent, chosen by an expert; None: as proposed."""
    start: Literal["best", "scratch"] = "best"
    """Where new members start: from the best one's weights, or from random ones."""
    size: int = 6
    """Members of each new ensemble."""
    steps: int | None = None
    """Of each member; None: as the parent's, a quarter from the best one's weights."""
    seed: int = 1
    train_on: tuple[int, ...] | None = None
    """Which frames to learn from; None: those of the highest detection rate."""
    most: int = 6
    """Frames to learn from, at most, where they are not given."""
    filter: Filter = "gmm"
    """`gmm` drops what lies in amorphous regions, `variance` leaves out what members don't agree on, `both` do both."""
    patch: int = PATCH
    spread: float = SPREAD
    crop: int = EXPERIMENTAL_CROP
    enough: float = 0.98
    """Detection rate at which the loop ends."""
    least_rise: float = 0.01
    """Relative rise of the identified atoms below which it ends."""
    classes: tuple[str, ...] = ()
    """Of a last, multi-class round, the darkest first; none: no such round."""
    split_by: str = "otsu"


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

    @property
    def density(self) -> float:
        """Atoms per Å² where they were found best."""
        places = [sight.positions[kept] * sight.sampling for sight, kept in zip(self.sights, self.kept, strict=True)]
        sizes = [(sight.image.shape[0] * sight.sampling, sight.image.shape[1] * sight.sampling) for sight in self.sights]
        return best_density(places, sizes)

    def rates(self, density: float) -> list[float]:
        """Detection rate of every frame."""
        return [detection_rate(n, sight.area, density) for n, sight in zip(self.identified, self.sights, strict=True)]


class Train(Protocol):
    """Trains an ensemble into a folder; one that is there already is gone on with."""

    def __call__(
        self, recipe: Recipe, members: int, out: Path, release: str, frames: Any, baseline: Baseline | None, origin: Origin
    ) -> Bundle: ...


class Witness(Protocol):
    """Is told what happens, in order; writes reports, say."""

    def viewed(self, bundle: Bundle, frames: Sequence[Frame], views: Sequence[View], choice: Choice) -> None: ...

    def observed(self, number: int, seen: Observation, density: float, learnt_from: Sequence[int]) -> None: ...

    def note(self, text: str) -> None: ...


def iterate(
    frames: Sequence[Frame], parent: Bundle, out: Path, settings: Settings, train: Train, witness: Witness, watch: Watch, threads: int = 0
) -> list[Bundle]:
    """Run the loop; the bundles it wrote, round by round, into `out`/round-1 and so on, a multi-class one into `out`/classes.

    Args:
        frames: all of the experiment's; at least one.
        parent: the ensemble to begin with.
        out: folder of the new bundles.
        settings: what decides the loop.
        train: makes ensembles.
        witness: is told what happens.
        watch: passes frames on, with a title, and shows how far they are.
        threads: of the CPU, for looking; 0: every core.

    Raises:
        ValueError: nothing is left to learn from, or the settings don't fit.
        FrameInvalid: a frame can't be analysed.
        TrainingFailed: members could not be trained.
    """
    _check(frames, settings)
    ensemble = open_plan(parent, "fp32", threads=threads)
    seen = _observe(frames, ensemble, _choose(frames, ensemble, settings, witness), settings, watch, "looking")
    learn = _to_learn_from(seen, settings)
    density = seen.density
    witness.observed(0, seen, density, learn)
    written: list[Bundle] = []
    for number in range(1, settings.rounds + 1):
        labels = _labels(seen, learn, settings)
        bundle = _train(seen, learn, labels, settings, number, out / f"round-{number}", train, parent.manifest.class_names[:1])
        written.append(bundle)
        ensemble = open_plan(bundle, "fp32", threads=threads)
        before, seen = seen, _observe(frames, ensemble, _all_of(bundle), settings, watch, f"looking, round {number}")
        learn = _to_learn_from(seen, settings)
        density = max(density, seen.density)
        witness.observed(number, seen, density, learn)
        if (reason := _enough(before, seen, density, settings)) is not None:
            witness.note(f"round {number}: {reason}")
            if seen.total < before.total:
                seen, learn = before, _to_learn_from(before, settings)  # a multi-class round learns from the better one
            break
    if settings.classes:
        everywhere = tuple(range(len(frames))) if settings.train_on is None else settings.train_on
        labels = _classified(seen, everywhere, settings, witness)
        bundle = _train(seen, everywhere, labels, settings, 1, out / "classes", train, settings.classes)
        written.append(bundle)
        ensemble = open_plan(bundle, "fp32", threads=threads)
        last = _observe(frames, ensemble, _all_of(bundle), settings, watch, "looking, classes")
        witness.observed(len(written), last, density, ())
    return written


def _check(frames: Sequence[Frame], settings: Settings) -> None:
    if not frames:
        raise ValueError("there are no frames: give at least one")
    if settings.train_on is not None and (wrong := [n for n in settings.train_on if not 0 <= n < len(frames)]):
        raise ValueError(f"frames {wrong} are not among the {len(frames)} given: they are numbered from 0")
    if len(settings.classes) == 1:
        raise ValueError(f"one class {settings.classes[0]!r} needs no multi-class round: name two or more, the darkest first")
    if settings.size == 1 and settings.filter in ("variance", "both"):
        raise ValueError("one member has no variance to filter by: train more members, or filter by gmm")


def _choose(frames: Sequence[Frame], ensemble: Ensemble, settings: Settings, witness: Witness) -> Choice:
    shown = [on_grid(frames[index], ensemble) for index in _spaced(len(frames))]
    views = view_members(shown, ensemble)
    choice = propose(views) if settings.members is None else chosen(settings.members, views)
    witness.viewed(ensemble.bundle, shown, views, choice)
    return choice


def _spaced(count: int, most: int = 4) -> list[int]:
    """
    >>> _spaced(100), _spaced(2)
    ([0, 33, 66, 99], [0, 1])
    """
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def _all_of(bundle: Bundle) -> Choice:
    """Trained on the experiment, members may be averaged: no choice is needed."""
    members = bundle.manifest.members
    best = max(members, key=lambda member: member.metrics.get("iou", 0.0)).id
    return Choice(bundle.manifest.member_ids, best, "all", {})


def _observe(frames: Sequence[Frame], ensemble: Ensemble, choice: Choice, settings: Settings, watch: Watch, title: str) -> Observation:
    sights = tuple(look(on_grid(frame, ensemble), ensemble, choice.members) for frame in watch(frames, title))
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


def _to_learn_from(seen: Observation, settings: Settings) -> tuple[int, ...]:
    """The frames that were asked for, or those with the most identified atoms per area."""
    if settings.train_on is not None:
        return settings.train_on
    rates = [n / sight.area for n, sight in zip(seen.identified, seen.sights, strict=True)]
    return tuple(sorted(sorted(range(len(rates)), key=lambda index: -rates[index])[: settings.most]))


def _labels(seen: Observation, learn: Sequence[int], settings: Settings) -> list[Labels]:
    """Atoms that are kept; those at the edge of what is, and those that members doubt, count neither for nor against."""

    def of_frame(places: Array, kept: Array, unsure: Array) -> Labels:
        return Labels(kept & ~unsure, unsure | at_the_edge(places, kept, settings.patch), np.zeros(len(kept), int))

    return [of_frame(seen.sights[index].positions, seen.kept[index], seen.unsure[index]) for index in learn]


def _classified(seen: Observation, learn: Sequence[int], settings: Settings, witness: Witness) -> list[Labels]:
    """Labels with classes by the intensities at the kept atoms of all frames together."""
    labels = _labels(seen, learn, settings)
    radius = mask_radius(seen.bundle.manifest)
    bright = [intensities(seen.sights[i].image, seen.sights[i].positions, radius / seen.sights[i].sampling) for i in learn]
    values = np.concatenate([own[known.kept] for own, known in zip(bright, labels, strict=True)])
    _, bounds = split(values, settings.split_by, len(settings.classes), settings.seed)
    witness.note(f"classes {', '.join(settings.classes)}: divided at intensities {', '.join(f'{bound:.3g}' for bound in bounds)}")
    return [Labels(k.kept, k.unsure, np.searchsorted(bounds, own, side="right")) for own, k in zip(bright, labels, strict=True)]


def _train(
    seen: Observation,
    learn: Sequence[int],
    labels: Sequence[Labels],
    settings: Settings,
    number: int,
    out: Path,
    train: Train,
    classes: Sequence[str],
) -> Bundle:
    manifest, best = seen.bundle.manifest, settings.start == "best"
    name = f"{settings.name}-classes" if len(classes) > 1 else settings.name
    recipe = succeed(manifest, name, classes, settings.steps, best)
    gathered = harvest(
        [seen.sights[i] for i in learn],
        labels,
        len(classes),
        recipe.mask_radius,
        recipe.network.stride,
        recipe.test_fraction,
        settings.crop,
    )
    layers = gathered.data.layers
    recipe = _fitted(recipe, gathered)
    baseline = start_from(seen.bundle, seen.choice.best, recipe.network, settings.seed) if best else None
    origin = Origin(_words(gathered, len(learn)), _decided(seen, learn, settings, number, gathered))

    def write(path: Path, recipe: Recipe, seed: int, workers: int, advance: Callable[[int], None]) -> None:
        replace_file(path, _npy(layers))
        advance(len(layers))

    return train(recipe, settings.size, out, str(number), write, baseline, origin)


def _fitted(recipe: Recipe, gathered: Harvest) -> Recipe:
    count = len(gathered.data)
    return replace(
        recipe, frames=count, side=gathered.data.layers.shape[-1], crop=gathered.crop, test_fraction=round(gathered.tested / count, 6)
    )


def _words(gathered: Harvest, frames: int) -> str:
    side, count = gathered.data.layers.shape[-1], len(gathered.data)
    tested = f"{gathered.tested} of them for the test" if gathered.unseen else f"{gathered.tested} of them repeated for the test"
    return f"experiment: {count} squares of {side}² px out of {frames} frame{'' if frames == 1 else 's'}, {tested}"


def _decided(seen: Observation, learn: Sequence[int], settings: Settings, number: int, gathered: Harvest) -> dict[str, Any]:
    """What a manifest says about how the labels came about."""
    choice = seen.choice
    return {
        "round": number,
        KEY: extended(seen.bundle, choice.members, choice.best),
        "selection": {"members": choice.members, "best": choice.best, "by": choice.by},
        "filtered": seen.filtered,
        "frames": {seen.sights[i].frame.name: seen.sights[i].frame.digest for i in learn},
        "labels_sha256": gathered.digest,
        "settings": settings,
    }


def _enough(before: Observation, seen: Observation, density: float, settings: Settings) -> str | None:
    """Why to end, in words; None: go on."""
    rate = float(np.nanmean(seen.rates(density)))
    if seen.total < before.total * (1.0 + settings.least_rise):
        return f"{seen.total} atoms were identified, {before.total} before: the detection rate rises no more"
    return f"the detection rate is {rate:.3f}: enough" if rate >= settings.enough else None


def _npy(layers: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, layers)
    return buffer.getvalue()
