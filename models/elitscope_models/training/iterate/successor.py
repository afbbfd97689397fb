"""The recipe of an ensemble that follows another: same network, grid and normalisation, augmentation as for experimental frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from elitscope.simulator import Specimen
from elitscope_models.bundle import Bundle, Manifest, read_member
from elitscope_models.training.augment import EXPERIMENTAL
from elitscope_models.training.baseline import Baseline, weights_of
from elitscope_models.training.export import export
from elitscope_models.training.network import UNetShape, build, initialise
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.schedule import Schedule

NAME = "experiment"
_FEWER = 4
"""From the best member's weights, so many times fewer steps than from scratch; rounds that follow take no fewer still."""
_DIFFERENT = 0.5
"""Of random kernels, how much is added to those that several classes begin with."""
_HEAD = "px."
"""Begins the names of the last layer's weights."""


@dataclass(frozen=True)
class FromExperiment:
    """Stands where a recipe has its specimens: these frames were never drawn."""

    def draw(self, field: tuple[float, float], rng: np.random.Generator) -> Specimen:
        """See `Specimens`.

        Raises:
            ValueError: always.
        """
        raise ValueError("an ensemble that was trained on an experiment has no specimens to draw: evaluate it on frames of your own")


def succeed(manifest: Manifest, ensemble: str, classes: Sequence[str], steps: int | None, shorter: bool) -> Recipe:
    """The recipe of an ensemble after that of `manifest`.

    Args:
        manifest: the parent's.
        ensemble: the new bundle's name.
        classes: the new classes.
        steps: of each member; None: as many as the parent's members had.
        shorter: take a quarter of these where `steps` is None, unless the parent's members began from another's weights too.

    Raises:
        ValueError: the parent is no U-Net that this training knows.
    """
    shape, schedule = shape_of(manifest), _schedule(manifest)
    outputs = 1 if len(classes) == 1 else len(classes) + 1
    recipe = Recipe(
        name=NAME,
        ensemble=ensemble,
        specimens=FromExperiment(),
        classes=tuple(classes),
        marks=tuple(range(len(classes))),
        sampling=manifest.sampling,
        sampling_range=manifest.sampling_range,
        mask_radius=mask_radius(manifest),
        network=replace(shape, classes=outputs),
        normalisation=manifest.normalisation,
        augmentation=EXPERIMENTAL,
        schedule=schedule,
    )
    fewer = _FEWER if shorter and "parent" not in manifest.training.parameters else 1
    length = steps or max(1, schedule.steps // fewer)
    return recipe.with_steps(length)


def shape_of(manifest: Manifest) -> UNetShape:
    """The network that a manifest describes.

    Raises:
        ValueError: it is none of ours.
    """
    stated = manifest.architecture.parameters
    known = {field.name: stated[field.name] for field in fields(UNetShape) if field.name in stated}
    if manifest.architecture.name != "unet" or "nb_filters" not in known:
        raise ValueError(f"{manifest.name!r} is made of {manifest.architecture.name!r} {stated}: only ensembles of U-Nets can be iterated")
    layers = known.get("layers")
    if isinstance(layers, list):
        known["layers"] = tuple(layers)  # type: ignore[assignment]
    return UNetShape(**known)  # type: ignore[arg-type]


def mask_radius(manifest: Manifest) -> float:
    """Å, of an atom's disc in the parent's training; half an Å where nobody knows."""
    stated = manifest.training.parameters.get("mask_radius")
    return float(stated) if isinstance(stated, int | float) else 0.5


def start_from(bundle: Bundle, member: int, shape: UNetShape, seed: int) -> Baseline:
    """A member's weights for networks of `shape`: as they are, or with a new last layer where classes differ.

    Raises:
        BaselineInvalid: its weights are not those of its manifest's architecture.
    """
    manifest, own = bundle.manifest, shape_of(bundle.manifest)
    found = next(each for each in manifest.members if each.id == member)
    parent: dict[str, str | int] = {"name": manifest.name, "version": manifest.version, "member": member, "sha256": found.sha256}
    data = read_member(bundle, member)
    weights = weights_of(data, own)
    return Baseline(data if own == shape else _with_new_head(weights, own, shape, seed), parent)


def _with_new_head(weights: Mapping[str, torch.Tensor], own: UNetShape, shape: UNetShape, seed: int) -> bytes:
    """The network with a last layer for other classes: random, or, from one class to several, the old one for each of them, with something
    random added by which they come to differ. Few steps are enough then."""
    network = build(shape)
    initialise(network, torch.Generator().manual_seed(seed))
    state = network.state_dict() | {name: value for name, value in weights.items() if not name.startswith(_HEAD)}
    if own.classes == 1:
        outputs = 1 if shape.halved else 0  # transposed convolutions name their inputs first
        kernel, bias = weights[f"{_HEAD}weight"], weights[f"{_HEAD}bias"] - math.log(shape.foreground)
        none = torch.zeros_like(kernel)
        state[f"{_HEAD}weight"] = torch.cat([kernel] * shape.foreground + [none], outputs) + _DIFFERENT * state[f"{_HEAD}weight"]
        state[f"{_HEAD}bias"] = torch.cat([bias] * shape.foreground + [torch.zeros_like(bias)])
    network.load_state_dict(state)
    network.eval()
    return export(network)


def _schedule(manifest: Manifest) -> Schedule:
    """The parent's, where it says."""
    stated: Any = manifest.training.parameters.get("schedule")
    names = {field.name for field in fields(Schedule)}
    return Schedule(**stated) if isinstance(stated, Mapping) and set(stated) <= names else Schedule()
