"""A successor has its parent's network, grid and normalisation; with other classes it gets a new last layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elitscope_models.bundle import Bundle
from elitscope_models.training.augment import EXPERIMENTAL
from elitscope_models.training.baseline import weights_of
from elitscope_models.training.iterate import successor
from elitscope_models.training.iterate.successor import shape_of, start_from, succeed
from elitscope_models.training.network import UNetShape, build, probabilities
from tests.support.bundles import make_bundle
from tests.support.training import tiny_recipe, train_here


def test_a_successor_takes_after_its_parent(parent: Bundle) -> None:
    recipe = succeed(parent.manifest, "mine", ("atom",), None, shorter=True)
    assert recipe.network == shape_of(parent.manifest)
    assert (recipe.normalisation, recipe.sampling) == (parent.manifest.normalisation, parent.manifest.sampling)
    assert (recipe.augmentation, recipe.schedule.steps) == (EXPERIMENTAL, 15)
    assert succeed(parent.manifest, "mine", ("atom",), 7, shorter=True).schedule.steps == 7
    with pytest.raises(ValueError, match="no specimens"):
        recipe.draw(np.random.default_rng(0))


def test_rounds_after_the_first_train_as_long_as_it_did(parent: Bundle) -> None:
    training = parent.manifest.training
    began = training.model_copy(update={"parameters": {**training.parameters, "parent": {"name": "toy", "version": "1", "member": 0}}})
    second = parent.manifest.model_copy(update={"training": began})
    assert succeed(second, "mine", ("atom",), None, shorter=True).schedule.steps == 4 * 15


def test_a_member_with_other_classes_keeps_all_but_its_last_layer(parent: Bundle) -> None:
    shape = replace(shape_of(parent.manifest), classes=3)
    old = weights_of(start_from(parent, 0, shape_of(parent.manifest), seed=1).onnx, shape_of(parent.manifest))
    new = weights_of(start_from(parent, 0, shape, seed=1).onnx, shape)
    assert new["px.weight"].shape[0] == 3
    assert all(torch.equal(old[name], new[name]) for name in old if not name.startswith("px."))


@pytest.mark.parametrize("halved", [False, True])
def test_several_classes_begin_with_shares_of_what_was_one(
    parent: Bundle, halved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if halved:
        recipe = replace(tiny_recipe(2), network=UNetShape(nb_filters=4, layers=(1, 1, 1, 1), halved=True))
        parent = train_here(recipe, 1, tmp_path / "light")
    first = start_from(parent, 0, replace(shape_of(parent.manifest), classes=3), seed=1).onnx
    monkeypatch.setattr(successor, "_DIFFERENT", 0.0)
    assert start_from(parent, 0, replace(shape_of(parent.manifest), classes=3), seed=1).onnx != first
    one = shape_of(parent.manifest)
    several = replace(one, classes=3)
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    maps = []
    for shape in (one, several):
        network = build(shape)
        network.load_state_dict(weights_of(start_from(parent, 0, shape, seed=1).onnx, shape))
        with torch.no_grad():
            maps.append(probabilities(network.eval()(image), shape))
    assert torch.allclose(maps[1].sum(dim=1, keepdim=True), maps[0], atol=1e-5)
    assert torch.allclose(maps[1][:, 0], maps[1][:, 1], atol=1e-6)


def test_what_is_no_u_net_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only ensembles of U-Nets"):
        shape_of(make_bundle(tmp_path / "toy").manifest)
