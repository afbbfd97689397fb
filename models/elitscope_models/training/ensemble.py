"""Training a whole ensemble: one data set, one seed a member, and a bundle that grows with every member that is done."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch

from elitscope_models.bundle import (
    Architecture,
    Bundle,
    ClassInfo,
    Manifest,
    Member,
    Training,
    load_bundle,
    read_member,
    sha256_of,
    write_bundle,
)
from elitscope_models.graph import parse_graph
from elitscope_models.receptive import receptive_field
from elitscope_models.training.data import Labelled, simulate
from elitscope_models.training.export import compare, export
from elitscope_models.training.fit import Fitted, fit
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.recipes import Recipe


class Simulate(Protocol):
    """Makes the labelled frames of a recipe."""

    def __call__(self, recipe: Recipe, frames: int, seed: int) -> Labelled: ...


def train_ensemble(
    recipe: Recipe,
    members: int,
    out: Path,
    seed: int,
    release: str,
    progress: TrainingProgress,
    simulated: Simulate = simulate,
    resume: bool = False,
) -> Bundle:
    """Train `members` networks and write their bundle to `out`, anew after each member: stopped early, it holds those that are done.

    Args:
        recipe: what to train.
        members: how many, at least one.
        out: the bundle's folder; a bundle there is replaced.
        seed: of the data; member i starts from (seed, i).
        release: the bundle's version.
        progress: is told about each step.
        simulated: where the data come from.
        resume: keep the members that the bundle in `out` has, and train those that are missing.

    Raises:
        ValueError: no members are asked for, or the bundle to resume was made otherwise.
    """
    if members < 1:
        raise ValueError(f"{members} members: an ensemble has at least one")
    progress.note(f"simulating {recipe.frames} frames of recipe {recipe.name}")
    training, test = simulated(recipe, recipe.frames, seed).split(recipe.test_fraction)
    done = _resumed(recipe, seed, release, out) if resume else []
    for index in range(len(done), members):
        fitted = fit(recipe, training, test, member_seed(seed, index), progress.member(index))
        done.append(_member(index, fitted))
        write_bundle(out, _manifest(recipe, seed, release, done), {m.id: data for m, data in done}, overwrite=True)
        progress.note(f"member {index + 1} of {members}: IoU {fitted.test_iou:.4f} on {len(test)} frames it never saw; {out} written")
    return load_bundle(out)


def member_seed(seed: int, index: int) -> int:
    """Seeds that members of different ensembles do not share by accident.

    >>> member_seed(7, 3)
    7003
    """
    return 1000 * seed + index


def _resumed(recipe: Recipe, seed: int, release: str, out: Path) -> list[tuple[Member, bytes]]:
    """Members, and their files, of the bundle that is in `out` already; none where there is no bundle."""
    if not out.exists():
        return []
    found = load_bundle(out)
    done = [(member, read_member(found, member.id)) for member in found.manifest.members]
    if _manifest(recipe, seed, found.manifest.version, done) != found.manifest:
        raise ValueError(
            f"{out} was made by another recipe, seed, number of threads or software than recipe {recipe.name!r}, seed {seed}, "
            f"{torch.get_num_threads()} threads and what is installed: resume with its own, or train into another folder"
        )
    return done


def _member(index: int, fitted: Fitted) -> tuple[Member, bytes]:
    data = export(fitted.network, half=True)
    tail = fitted.losses[-50:]
    metrics = {"iou": round(fitted.test_iou, 5), "loss": round(sum(tail) / len(tail), 5)}
    metrics["export_error"] = round(compare(fitted.network, data), 6)
    return Member(id=index, file=f"member-{index:02d}.onnx", sha256=sha256_of(data), metrics=metrics), data


def _manifest(recipe: Recipe, seed: int, release: str, done: Sequence[tuple[Member, bytes]]) -> Manifest:
    field = receptive_field(parse_graph(done[0][1], len(recipe.classes)))
    return Manifest(
        name=recipe.ensemble,
        version=release,
        classes=tuple(ClassInfo(name=name) for name in recipe.classes),
        sampling=recipe.sampling,
        sampling_range=recipe.sampling_range,
        stride=recipe.network.stride,
        normalisation=recipe.normalisation,
        architecture=Architecture(name="unet", halo=field.halo if field else None, parameters=_plain(asdict(recipe.network))),
        members=tuple(member for member, _ in done),
        training=Training(
            recipe=recipe.name,
            seed=seed,
            data=f"elitscope.simulator: {recipe.frames} frames of {recipe.side}² px, {recipe.test_fraction:.0%} of them for the test",
            software=_software(),
            domain="simulation",
            calibrated=False,
            parameters=_plain(
                {
                    "schedule": asdict(recipe.schedule),
                    "augmentation": asdict(recipe.augmentation),
                    "crop": recipe.crop,
                    "mask_radius": recipe.mask_radius,
                    "threads": torch.get_num_threads(),
                }
            ),
        ),
        license="MIT",
    )


def _plain(value: Any) -> Any:
    """The value as JSON would give it back, so that a manifest in memory equals the one that is read from disk."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _software() -> dict[str, str]:
    packages = ("elitscope-service", "torch", "numpy", "opencv-python-headless", "onnx")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
