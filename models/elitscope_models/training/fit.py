"""Fitting one member: Adam at a constant rate, then the average of the last weights, as in the ELIT paper.

A member's seed decides its first weights, its order of patches and their augmentation, so the same seed on the same number of threads
gives the same weights, in one go or in parts. Where patience ends a training early, the steps that are averaged follow that decision.
Batch normalisation's statistics are counted anew after averaging: those of single steps do not fit the average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from elitscope_models.score import Array, mean_overlap, overlaps
from elitscope_models.training.checkpoint import Checkpoint
from elitscope_models.training.course import Course
from elitscope_models.training.data import Labelled
from elitscope_models.training.network import UNet, probabilities
from elitscope_models.training.patches import ahead
from elitscope_models.training.recipes import Recipe

CHECKED = 32
"""Test frames, at most, whose loss decides about stopping early: as much work as about three steps."""


@dataclass(frozen=True)
class Step:
    """How far a member has come. `steps`: after which it ends, as far as is known; `iou` is that of this step's own patches."""

    index: int
    steps: int
    loss: float
    iou: float


@dataclass(frozen=True)
class Fitted:
    """A trained member, in evaluation mode on the CPU, and its course. `losses`: one per step; `test_iou`: on frames it never saw."""

    network: UNet
    losses: tuple[float, ...]
    test_iou: float


class Paused(Exception):
    """The member was asked to stop; its checkpoint is written."""


def fit(
    recipe: Recipe,
    training: Labelled,
    test: Labelled,
    seed: int,
    report: Callable[[Step], None] = lambda step: None,
    start: Mapping[str, Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
    pause: Callable[[], bool] = lambda: False,
    device: str = "cpu",
) -> Fitted:
    """Train one member.

    Args:
        recipe: network, schedule, augmentation.
        training: what it learns from.
        test: what its IoU is measured on.
        seed: decides everything random about this member.
        report: called after each step.
        start: weights to begin with, by torch's names; None: random ones.
        checkpoint: where it goes on from and is saved now and then.
        pause: asked after each step; True saves the member and ends with `Paused`.
        device: torch's name for where to compute.

    Raises:
        Paused: as asked.
        CheckpointInvalid: the checkpoint is not of this training.
    """
    course = Course(recipe, seed, start, torch.device(device))
    if checkpoint is not None and (saved := checkpoint.load()) is not None:
        course.restore(saved)
    network = course.network.train()
    with closing(ahead(training, recipe, seed, course.step)) as coming, torch.random.fork_rng(devices=[]):
        while course.step < course.ends:
            torch.manual_seed(1_000_003 * seed + course.step)  # for networks that draw numbers themselves: by step, like the patches
            image, masks, weight = _tensors(next(coming), course.device)
            with course.precision():
                logits = network(image)
            logits = logits.float()
            loss = weighted_loss(logits, masks, weight)
            course.descend(loss)
            _check(course, recipe, test)
            iou = _iou(probabilities(logits.detach(), recipe.network), masks, weight)
            report(Step(course.step, course.ends, course.losses[-1], iou))
            _keep(course, checkpoint, pause)
        final = course.result()
        with course.precision():
            _recount(final, (_tensors(patches, course.device)[0] for patches in islice(coming, recipe.schedule.recount)))
    final.eval()
    return Fitted(final.cpu(), tuple(course.losses), _test(final, recipe, test))


def weighted_loss(logits: Tensor, masks: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy averaged over the pixels that count: binary for one class, otherwise categorical with background as the last class."""
    if logits.shape[1] == 1:
        each = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")[:, 0]
    else:
        background = (1.0 - masks.amax(dim=1, keepdim=True)).clamp(min=0.0)
        each = functional.cross_entropy(logits, torch.cat([masks, background], 1).argmax(dim=1), reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1.0)


def _check(course: Course, recipe: Recipe, test: Labelled) -> None:
    """Where it is time, see whether the loss on test frames still falls."""
    schedule = recipe.schedule
    if schedule.patience < 1 or course.step % schedule.check or course.averaging:
        return
    network = course.network.eval()
    losses = []
    with torch.no_grad(), course.precision():
        for layers in test.layers[:CHECKED]:
            image, masks, weight = _tensors(layers[None].astype(np.float32), course.device)
            losses.append(float(weighted_loss(network(image).float(), masks, weight)))
    network.train()
    course.judge(float(np.mean(losses)))


def _keep(course: Course, checkpoint: Checkpoint | None, pause: Callable[[], bool]) -> None:
    paused = pause()
    if checkpoint is not None and (paused or checkpoint.due()):
        checkpoint.save(course.state())
    if paused:
        raise Paused(f"stopped after step {course.step} of {course.ends}")


def _tensors(layers: np.ndarray[Any, Any], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Image [n, 1, h, w], masks [n, class, h, w] and weight [n, h, w] of a batch's layers."""
    tensor = torch.from_numpy(layers).to(device)
    return tensor[:, :1].contiguous(memory_format=torch.channels_last), tensor[:, 1:-1].contiguous(), tensor[:, -1].contiguous()


def _recount(network: nn.Module, images: Iterable[Tensor]) -> None:
    """Batch normalisation's means and variances, taken as plain averages over the given batches."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average instead of a fading one
    network.train()
    with torch.no_grad():
        for image in images:
            network(image)


def _test(network: UNet, recipe: Recipe, test: Labelled) -> float:
    """IoU at 0.5 over all test frames together, background included."""
    both = either = np.zeros(len(recipe.classes) + 1, np.int64)
    with torch.no_grad():
        for layers in test.layers:
            image, masks, weight = _tensors(layers[None].astype(np.float32), torch.device("cpu"))
            one, other = overlaps(*_judged(probabilities(network(image), recipe.network), masks, weight))
            both, either = both + one, either + other
    return mean_overlap(both, either)


def _iou(predicted: Tensor, masks: Tensor, weight: Tensor) -> float:
    return mean_overlap(*overlaps(*_judged(predicted, masks, weight)))


def _judged(predicted: Tensor, masks: Tensor, weight: Tensor) -> tuple[Array, Array, Array]:
    """Probabilities and masks [class, n, h, w], and which pixels count [n, h, w], as `overlaps` takes them."""
    return predicted.transpose(0, 1).cpu().numpy(), masks.transpose(0, 1).cpu().numpy() > 0.5, weight.cpu().numpy() > 0.5
