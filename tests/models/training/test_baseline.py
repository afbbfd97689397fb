"""Starting from a member that is there already, read from its ONNX file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from elitscope_models.training.baseline import BaselineInvalid, read_baseline, weights_of
from elitscope_models.training.export import export
from elitscope_models.training.network import UNet, UNetShape, build
from elitscope_models.training.recipes import Recipe
from tests.support.training import train_here

SHAPES = [
    UNetShape(nb_filters=4, layers=(1, 1, 1, 1)),
    UNetShape(classes=3, nb_filters=4, layers=(1, 2, 1, 1), upsampling="nearest"),
    UNetShape(classes=3, nb_filters=4, layers=(2, 1, 1, 1), halved=True),
]


def as_if_trained(shape: UNetShape) -> UNet:
    """No two of its weights are the same any more: the exporter keeps one of those that are."""
    network = build(shape)
    generator = torch.Generator().manual_seed(3)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) * 0.1 + (0.8 if name.endswith("running_var") else 0.0))
    return network.eval()


@pytest.mark.parametrize("shape", SHAPES, ids=["plain", "classes", "light"])
@pytest.mark.parametrize("half", [False, True], ids=["single", "half"])
def test_every_weight_comes_back_under_its_own_name(shape: UNetShape, half: bool) -> None:
    network = as_if_trained(shape)
    found = weights_of(export(network, half=half), shape)
    expected = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert expected.keys() <= found.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value.half().float() if half and value.ndim > 1 else value), name
    build(shape).load_state_dict(found)


def test_a_network_of_another_architecture_is_refused_in_words() -> None:
    data = export(as_if_trained(SHAPES[0]))
    with pytest.raises(BaselineInvalid, match=r"'px\.weight' have shape \(1, 4, 1, 1\)"):
        weights_of(data, replace(SHAPES[0], classes=3))
    with pytest.raises(BaselineInvalid, match=r"has no weights 'c2\.block\.3\.weight'"):
        weights_of(data, replace(SHAPES[0], layers=(1, 2, 1, 1)))
    with pytest.raises(BaselineInvalid, match=r"which UNetShape.* does not"):
        weights_of(export(as_if_trained(replace(SHAPES[0], layers=(1, 2, 1, 1)))), SHAPES[0])


def test_an_ensemble_that_started_from_a_member_names_it(tiny: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny, schedule=replace(tiny.schedule, steps=4, averaged=1))
    first = train_here(recipe, 2, tmp_path / "first").manifest
    baseline = read_baseline(f"{tmp_path / 'first'}:1")
    second = train_here(recipe, 1, tmp_path / "second", baseline=baseline).manifest
    parent = {"name": first.name, "version": "3", "member": 1, "sha256": first.members[1].sha256}
    assert second.training.parameters["parent"] == parent
    assert second.members[0].metrics["loss"] < first.members[1].metrics["loss"]
    with pytest.raises(ValueError, match="parent"):
        train_here(recipe, 2, tmp_path / "second", resume=True)
    assert train_here(recipe, 2, tmp_path / "second", resume=True, baseline=baseline).manifest.member_ids == (0, 1)


def test_without_a_number_the_best_member_is_taken_and_a_file_is_as_good(tiny: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=1))
    members = train_here(recipe, 2, tmp_path / "g").manifest.members
    best = max(members, key=lambda member: member.metrics["iou"])
    assert read_baseline(str(tmp_path / "g")).parent["member"] == best.id
    file = read_baseline(str(tmp_path / "g" / best.file))
    assert file.parent == {"file": best.file, "sha256": best.sha256}
    assert file.onnx == read_baseline(str(tmp_path / "g")).onnx
    with pytest.raises(BaselineInvalid, match=r"no member 7: it has \[0, 1\]"):
        read_baseline(f"{tmp_path / 'g'}:7")
    with pytest.raises(BaselineInvalid, match="no such file"):
        read_baseline(str(tmp_path / "absent.onnx"))
