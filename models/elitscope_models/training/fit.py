"""Fitting one member: Adam at a constant rate, then the average of the last weights, as in the ELIT paper.

A member's seed decides its first weights, its order of patches and their augmentation, so the same seed on the same number of threads
gives the same weights. Batch normalisation's statistics are counted anew after averaging: those of single steps do not fit the average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from elitscope_models.score import mean_iou
from elitscope_models.training.data import Labelled, batch
from elitscope_models.training.network import UNet, initialise, probabilities
from elitscope_models.training.recipes import Recipe


@dataclass(frozen=True)
class Step:
    """How far a member has come. `iou` is that of this step's own patches."""

    index: int
    steps: int
    loss: float
    iou: float


@dataclass(frozen=True)
class Fitted:
    """A trained member, in evaluation mode, and its course. `losses`: one per step; `test_iou`: on frames it never saw."""

    network: UNet
    losses: tuple[float, ...]
    test_iou: float


def fit(recipe: Recipe, training: Labelled, test: Labelled, seed: int, report: Callable[[Step], None] = lambda step: None) -> Fitted:
    """Train one member.

    Args:
        recipe: network, schedule, augmentation.
        training: what it learns from.
        test: what its IoU is measured on.
        seed: decides everything random about this member.
        report: called after each step.
    """
    schedule = recipe.schedule
    network = UNet(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    initialise(network, torch.Generator().manual_seed(seed))
    averaged = AveragedModel(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate)
    rng = np.random.default_rng((seed, 1))
    order = _endless(len(training), schedule.batch, rng)
    losses: list[float] = []
    network.train()
    for index in range(schedule.steps):
        image, masks, weight = _tensors(batch(training, next(order), recipe, rng))
        logits = network(image)
        loss = weighted_loss(logits, masks, weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if index >= schedule.steps - schedule.averaged:
            averaged.update_parameters(network)
        losses.append(float(loss.detach()))
        report(Step(index + 1, schedule.steps, losses[-1], _iou(probabilities(logits.detach(), recipe.network), masks, weight)))
    final = averaged.module if schedule.averaged > 0 else network
    assert isinstance(final, UNet)
    _recount(final, (_tensors(batch(training, next(order), recipe, rng))[0] for _ in range(schedule.recount)))
    final.eval()
    return Fitted(final, tuple(losses), _test(final, recipe, test))


def weighted_loss(logits: Tensor, masks: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy averaged over the pixels that count: binary for one class, otherwise categorical with background as the last class."""
    if logits.shape[1] == 1:
        each = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")[:, 0]
    else:
        background = (1.0 - masks.amax(dim=1, keepdim=True)).clamp(min=0.0)
        each = functional.cross_entropy(logits, torch.cat([masks, background], 1).argmax(dim=1), reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1.0)


def _endless(frames: int, size: int, rng: np.random.Generator) -> Any:
    """Frame indices, `size` at a time, every frame once before any comes again."""
    waiting = np.zeros(0, np.int64)
    while True:
        while len(waiting) < size:
            waiting = np.concatenate([waiting, rng.permutation(frames)])
        yield waiting[:size]
        waiting = waiting[size:]


def _tensors(layers: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Image [n, 1, h, w], masks [n, class, h, w] and weight [n, h, w] of a batch's layers."""
    tensor = torch.from_numpy(layers)
    return tensor[:, :1].contiguous(memory_format=torch.channels_last), tensor[:, 1:-1].contiguous(), tensor[:, -1].contiguous()


def _recount(network: nn.Module, images: Any) -> None:
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
    """Mean over test frames of the IoU at 0.5, background included."""
    scores = []
    with torch.no_grad():
        for layers in test.layers:
            image, masks, weight = _tensors(layers[None].astype(np.float32))
            scores.append(_iou(probabilities(network(image), recipe.network), masks, weight))
    return float(np.mean(scores))


def _iou(predicted: Tensor, masks: Tensor, weight: Tensor) -> float:
    return mean_iou(predicted.transpose(0, 1).numpy(), masks.transpose(0, 1).numpy() > 0.5, weight.numpy() > 0.5)
