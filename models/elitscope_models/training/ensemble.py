"""Training a whole ensemble: one data set, one seed a member, and a bundle that grows with every member that is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from elitscope.errors import ElitscopeError
from elitscope_models.bundle import Bundle, Manifest, Member, load_bundle, read_member, write_bundle
from elitscope_models.graph import parse_graph
from elitscope_models.receptive import receptive_field
from elitscope_models.training.baseline import Baseline, weights_of
from elitscope_models.training.frames import write_frames
from elitscope_models.training.member import Crew, Job
from elitscope_models.training.origin import Origin
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.record import differences, identity_of, manifest_of
from elitscope_models.training.workshop import Workshop

Done = dict[int, tuple[Member, bytes]]


class TrainingFailed(ElitscopeError, RuntimeError):
    """Members could not be trained; the bundle holds the others."""

    code = "training_failed"


class WriteFrames(Protocol):
    """Writes the labelled frames of a recipe to a .npy file that is complete when it is there."""

    def __call__(self, path: Path, recipe: Recipe, seed: int, workers: int, advance: Callable[[int], None]) -> None: ...


def train_ensemble(
    recipe: Recipe,
    members: int,
    out: Path,
    seed: int,
    release: str,
    progress: TrainingProgress,
    crew: Crew,
    *,
    frames: WriteFrames = write_frames,
    workers: int = 1,
    device: str = "cpu",
    baseline: Baseline | None = None,
    resume: bool = False,
    every_s: float = 30.0,
    origin: Origin | None = None,
) -> Bundle:
    """Train `members` networks and write their bundle to `out`, anew after each member: stopped early, it holds those that are done.

    What else is needed to go on lies in a hidden folder beside `out` until all members are done (`Workshop`).

    Args:
        recipe: what to train.
        members: how many, at least one.
        out: the bundle's folder; a bundle there is replaced.
        seed: of the data; member i starts from (seed, i).
        release: the bundle's version.
        progress: is told about each step.
        crew: who trains the members.
        frames: where the data come from.
        workers: processes that simulate.
        device: torch's name for where members are trained.
        baseline: where members start from, instead of from random weights.
        resume: keep the members that `out` has and go on with those half done.
        every_s: seconds between a member's checkpoints.
        origin: what `frames` writes where it does not simulate.

    Raises:
        ValueError: no members are asked for, what is to be resumed was made otherwise, or something unfinished would be lost.
        TrainingFailed: some members failed; the text says which and why.
    """
    if members < 1:
        raise ValueError(f"{members} members: an ensemble has at least one")
    if baseline is not None:
        weights_of(baseline.onnx, recipe.network)
    draft = manifest_of(recipe, seed, release, device, baseline, origin)
    workshop = Workshop.beside(out)
    done = _resumed(draft, out, workshop, members) if resume else _fresh(workshop)
    for index in done:
        progress.done(index)
    identity = identity_of(draft)
    jobs = [
        Job(index, recipe, member_seed(seed, index), workshop.folder, _digest(identity), device, every_s)
        for index in range(members)
        if index not in done
    ]

    def finish(index: int) -> None:
        found = workshop.finished(index)
        assert found is not None, f"member {index} was announced and is not there"
        done[index] = found
        _write(out, draft, done)
        progress.done(index)
        progress.note(f"member {index + 1} of {members}: IoU {found[0].metrics['iou']:.4f} on frames it never saw; {out} written")

    failures: Mapping[int, str] = {}
    if jobs:
        workshop.folder.mkdir(parents=True, exist_ok=True)
        with workshop.held():
            if not resume:
                workshop.clear()
            workshop.open(identity, None if baseline is None else baseline.onnx)
            progress.note(origin.data if origin else f"simulating {recipe.frames} frames of recipe {recipe.name}")
            _prepare(workshop, recipe, seed, workers, frames, progress)
            failures = crew.run(jobs, progress.step, finish)
    elif workshop.folder.exists():
        _write(out, draft, done)  # killed after the last member was done
    if failures:
        reasons = "; ".join(f"member {index}: {reason}" for index, reason in sorted(failures.items()))
        raise TrainingFailed(f"{len(failures)} of {members} members were not trained: {reasons}. --resume tries them again")
    workshop.remove()
    return load_bundle(out)


def member_seed(seed: int, index: int) -> int:
    """Seeds that members of different ensembles do not share by accident.

    >>> member_seed(7, 3)
    7003
    """
    return 1000 * seed + index


def _prepare(workshop: Workshop, recipe: Recipe, seed: int, workers: int, frames: WriteFrames, progress: TrainingProgress) -> None:
    if workshop.frames_file.exists():
        return
    drawn = 0

    def advance(more: int) -> None:
        nonlocal drawn
        drawn += more
        progress.frames(drawn, recipe.frames)

    frames(workshop.frames_file, recipe, seed, workers, advance)


def _fresh(workshop: Workshop) -> Done:
    if workshop.has_members():
        raise ValueError(
            f"{workshop.folder} holds a training that has not ended: go on with it (--resume), or remove that folder to begin anew"
        )
    return {}


def _resumed(draft: Manifest, out: Path, workshop: Workshop, members: int) -> Done:
    """Members, and their files, that are done already."""
    done: Done = {}
    if out.exists():
        found = load_bundle(out)
        _refuse_other(out, identity_of(found.manifest), draft)
        done = {member.id: (member, read_member(found, member.id)) for member in found.manifest.members}
    if (begun := workshop.identity()) is not None:
        _refuse_other(workshop.folder, begun, draft)
        done.update(_finished(workshop, members))
    return done


def _finished(workshop: Workshop, members: int) -> Iterator[tuple[int, tuple[Member, bytes]]]:
    for index in range(members):
        if (found := workshop.finished(index)) is not None:
            yield index, found


def _refuse_other(where: Path, found: Mapping[str, Any], draft: Manifest) -> None:
    if different := differences(found, identity_of(draft)):
        raise ValueError(
            f"{where} was made by another recipe, seed, number of threads or software than asked for: {'; '.join(different[:4])}. "
            "Resume with its own, or train into another folder"
        )


def _write(out: Path, draft: Manifest, done: Done) -> None:
    members = tuple(done[index][0] for index in sorted(done))
    field = receptive_field(parse_graph(done[members[0].id][1], len(draft.classes)))
    architecture = draft.architecture.model_copy(update={"halo": field.halo if field else None})
    manifest = draft.model_copy(update={"members": members, "architecture": architecture})
    write_bundle(out, manifest, {index: data for index, (_, data) in done.items()}, overwrite=True)


def _digest(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
