"""Fitting: it learns, and the seed alone decides what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elitscope_models.training.checkpoint import Checkpoint
from elitscope_models.training.data import Labelled
from elitscope_models.training.fit import Paused, Step, fit, weighted_loss
from elitscope_models.training.recipes import Recipe


def test_loss_falls_and_iou_rises(tiny: Recipe, tiny_data: Labelled) -> None:
    steps: list[Step] = []
    training, test = tiny_data.split(tiny.test_fraction)
    fitted = fit(tiny, training, test, seed=1, report=steps.append)
    assert [step.index for step in steps] == list(range(1, tiny.schedule.steps + 1))
    assert fitted.losses == tuple(step.loss for step in steps)
    assert np.mean(fitted.losses[-5:]) < 0.85 * np.mean(fitted.losses[:5])
    assert np.mean([step.iou for step in steps[-5:]]) > np.mean([step.iou for step in steps[:5]]) + 0.05
    assert 0.4 < fitted.test_iou < 1.0
    assert not fitted.network.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny: Recipe, tiny_data: Labelled) -> None:
    short = replace(tiny, schedule=replace(tiny.schedule, steps=4, averaged=2, recount=2))

    def weights(seed: int) -> list[torch.Tensor]:
        return list(fit(short, tiny_data, tiny_data.split(0.1)[1], seed).network.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


@pytest.mark.parametrize("stop", [1, 9, 37, 40])
def test_a_member_in_two_parts_has_the_weights_of_one_in_one_go(tiny: Recipe, tiny_data: Labelled, tmp_path: Path, stop: int) -> None:
    training, test = tiny_data.split(tiny.test_fraction)
    steps: list[Step] = []

    def part(pause: bool) -> dict[str, torch.Tensor]:
        checkpoint = Checkpoint(tmp_path / "member.ckpt", "this", every_s=1e6)
        return fit(
            tiny, training, test, 1, steps.append, checkpoint=checkpoint, pause=lambda: pause and len(steps) == stop
        ).network.state_dict()

    with pytest.raises(Paused, match=f"step {stop} of 40"):
        part(pause=True)
    weights = part(pause=False)
    assert [step.index for step in steps] == list(range(1, 41))
    unbroken = fit(tiny, training, test, 1)
    assert all(torch.equal(weights[name], value) for name, value in unbroken.network.state_dict().items())


def test_patience_ends_a_member_that_learns_no_more_and_averages_its_last_steps(tiny: Recipe, tiny_data: Labelled, tmp_path: Path) -> None:
    training, test = tiny_data.split(tiny.test_fraction)
    hopeless = replace(tiny.schedule, learning_rate=0.0, patience=2, check=3, averaged=4)
    steps: list[Step] = []
    fitted = fit(replace(tiny, schedule=hopeless), training, test, 1, steps.append)
    # the running statistics of batch normalisation move on without learning, so its end is not known to the step
    assert len(fitted.losses) < 40
    assert (len(fitted.losses) - 4) % 3 == 0
    assert steps[-5].steps == steps[-1].steps == len(fitted.losses)
    assert steps[-6].steps == 40

    checkpoint = Checkpoint(tmp_path / "member.ckpt", "this", every_s=1e6)
    paused_at = len(fitted.losses) - 2
    with pytest.raises(Paused):
        seen: list[Step] = []
        fit(replace(tiny, schedule=hopeless), training, test, 1, seen.append, None, checkpoint, lambda: len(seen) == paused_at)
    again = fit(replace(tiny, schedule=hopeless), training, test, 1, checkpoint=checkpoint)
    assert again.losses == fitted.losses


def test_a_member_that_still_learns_is_not_ended(tiny: Recipe, tiny_data: Labelled) -> None:
    training, test = tiny_data.split(tiny.test_fraction)
    patient = replace(tiny, schedule=replace(tiny.schedule, patience=100, check=2))
    assert fit(patient, training, test, 1).losses == fit(tiny, training, test, 1).losses


def test_a_member_learns_in_half_precision_too(tiny: Recipe, tiny_data: Labelled) -> None:
    training, test = tiny_data.split(tiny.test_fraction)
    half = fit(replace(tiny, schedule=replace(tiny.schedule, precision="bf16")), training, test, 1)
    assert np.mean(half.losses[-5:]) < 0.85 * np.mean(half.losses[:5])
    assert half.losses != fit(tiny, training, test, 1).losses
    assert all(value.dtype in (torch.float32, torch.int64) for value in half.network.state_dict().values())


def test_a_member_starts_from_given_weights(tiny: Recipe, tiny_data: Labelled) -> None:
    training, test = tiny_data.split(tiny.test_fraction)
    first = fit(tiny, training, test, 1)
    short = replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=1))
    assert fit(short, training, test, 2, start=first.network.state_dict()).losses[0] < 0.85 * fit(short, training, test, 2).losses[0]


def test_the_average_of_the_last_weights_is_what_comes_out_with_its_own_statistics(tiny: Recipe, tiny_data: Labelled) -> None:
    def network(averaged: int, recount: int) -> dict[str, torch.Tensor]:
        recipe = replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=averaged, recount=recount))
        return dict(fit(recipe, tiny_data, tiny_data.split(0.1)[1], seed=1).network.state_dict())

    last, mean = network(1, 2), network(2, 2)
    assert not torch.equal(last["px.weight"], mean["px.weight"])
    assert not torch.equal(mean["c1.block.2.running_mean"], network(2, 1)["c1.block.2.running_mean"])
    assert torch.equal(mean["px.weight"], network(2, 1)["px.weight"])


@pytest.mark.parametrize("classes", [1, 3])
def test_pixels_without_weight_do_not_change_the_loss(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 6, 6, generator=generator)
    masks = torch.zeros(2, max(1, classes - 1), 6, 6)
    masks[:, 0, :3] = 1.0
    weight = torch.ones(2, 6, 6)
    weight[:, :, 4:] = 0.0
    changed = logits.clone()
    changed[..., 4:] += 9.0
    assert weighted_loss(logits, masks, weight) == weighted_loss(changed, masks, weight)
    assert weighted_loss(logits, masks, weight) != weighted_loss(changed, masks, torch.ones(2, 6, 6))
    assert weighted_loss(logits, masks, torch.zeros(2, 6, 6)) == 0.0


def test_background_is_the_last_of_several_classes() -> None:
    masks = torch.zeros(1, 2, 1, 3)
    masks[0, 0, 0, 0] = masks[0, 1, 0, 1] = 1.0
    right = torch.full((1, 3, 1, 3), -20.0)
    right[0, 0, 0, 0] = right[0, 1, 0, 1] = right[0, 2, 0, 2] = 20.0
    assert weighted_loss(right, masks, torch.ones(1, 1, 3)) < 1e-6
