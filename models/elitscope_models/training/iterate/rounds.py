"""The loop (ELIT paper, Algorithm 1, lines 2–10): look, choose, drop what is no lattice, train on what is left, look again.

    parent → members chosen → atoms in every frame → lattice or dirt → best frames → labelled squares → a new ensemble → ...

Each round leaves a bundle that a server can load, and a record; everything that decides a round stands in its bundle's manifest. Nothing
is drawn at random but by the seed, so a loop that was stopped finds its own rounds again and goes on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_plan
from elitscope_models.training.baseline import Baseline
from elitscope_models.training.files import replace_file
from elitscope_models.training.iterate.choice import Choice, View, chosen, propose, view_members
from elitscope_models.training.iterate.experiment import Frame, on_grid
from elitscope_models.training.iterate.harvest import Harvest, Labels, harvest
from elitscope_models.training.iterate.labelling import classified, labels_of
from elitscope_models.training.iterate.lineage import KEY, extended
from elitscope_models.training.iterate.observation import Observation, Watch, observe
from elitscope_models.training.iterate.settings import Settings
from elitscope_models.training.iterate.successor import start_from, succeed
from elitscope_models.training.origin import Origin
from elitscope_models.training.recipes import Recipe

Array = np.ndarray[Any, np.dtype[Any]]


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
    settings.check(len(frames))
    ensemble = open_plan(parent, "fp32", threads=threads)
    seen = observe(frames, ensemble, _choose(frames, ensemble, settings, witness), settings, watch, "looking")
    learn = _to_learn_from(seen, settings)
    density = seen.density
    witness.observed(0, seen, density, learn)
    written: list[Bundle] = []
    for number in range(1, settings.rounds + 1):
        labels = labels_of(seen, learn, settings)
        bundle = _train(seen, learn, labels, settings, number, out / f"round-{number}", train, _one_class(parent))
        written.append(bundle)
        ensemble = open_plan(bundle, "fp32", threads=threads)
        before, seen = seen, observe(frames, ensemble, _all_of(bundle), settings, watch, f"looking, round {number}")
        learn = _to_learn_from(seen, settings)
        density = max(density, seen.density)
        witness.observed(number, seen, density, learn)
        if (reason := _enough(before, seen, density, settings)) is not None:
            witness.note(f"round {number}: {reason}")
            if seen.total < before.total:
                seen, learn = before, _to_learn_from(before, settings)  # a multi-class round learns from the better one
            break
    if settings.classes:
        everywhere = _asked_for(settings) or tuple(range(len(frames)))
        labels = classified(seen, everywhere, settings, witness.note)
        bundle = _train(seen, everywhere, labels, settings, 1, out / "classes", train, settings.classes)
        written.append(bundle)
        ensemble = open_plan(bundle, "fp32", threads=threads)
        last = observe(frames, ensemble, _all_of(bundle), settings, watch, "looking, classes", united=False)
        witness.observed(len(written), last, density, ())
    return written


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


def _one_class(parent: Bundle) -> tuple[str, ...]:
    """What rounds before the multi-class one look for: the parent's only class, or atoms of whatever class."""
    names = parent.manifest.class_names
    return names if len(names) == 1 else ("atom",)


def _asked_for(settings: Settings) -> tuple[int, ...]:
    """The frames to learn from, where they or regions of them were named."""
    return settings.train_on or tuple(sorted({region.frame for region in settings.regions}))


def _to_learn_from(seen: Observation, settings: Settings) -> tuple[int, ...]:
    """The frames that were asked for, or those with the most identified atoms per area."""
    if asked := _asked_for(settings):
        return asked
    rates = [n / sight.area for n, sight in zip(seen.identified, seen.sights, strict=True)]
    return tuple(sorted(sorted(range(len(rates)), key=lambda index: -rates[index])[: settings.most]))


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
