"""Memory of ensembles is given back: what is resident stays bounded however often one is loaded and unloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import helper

from elitscope_models.bundle import load_bundle
from elitscope_models.loading import open_ensemble
from elitscope_service.engine.memory import give_back, resident_bytes
from elitscope_service.registry import Registry
from tests.support.bundles import network_file
from tests.support.hostile import write_unchecked

MIB = 1 << 20
WEIGHT_BYTES = 96 * MIB


def heavy_network() -> bytes:
    """Little work and much to hold: a scale that is the mean of 24 million weights' products with an image of one pixel."""
    side = int(np.sqrt(WEIGHT_BYTES / 4))
    weights = {"w": np.random.default_rng(0).random((side, side), np.float32), "one": np.ones((1, 1, 1, side), np.float32)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Mul", ["one", "mean"], ["row"]),
        helper.make_node("MatMul", ["row", "w"], ["product"]),
        helper.make_node("ReduceMean", ["product"], ["scale"], axes=[3], keepdims=1),
        helper.make_node("Add", ["image", "scale"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    return network_file(nodes, weights)


def test_loading_and_unloading_again_and_again_keeps_nothing(tmp_path: Path) -> None:
    write_unchecked(tmp_path / "heavy", heavy_network(), "heavy")
    registry = Registry(lambda path: open_ensemble(load_bundle(path), device="cpu", precision="fp32", threads=1))
    registry.scan([tmp_path])
    loaded, unloaded = [], []
    for _ in range(6):
        registry.load("heavy")
        give_back()
        loaded.append(resident_bytes())
        registry.unload("heavy")
        give_back()
        unloaded.append(resident_bytes())
    assert min(loaded) - max(unloaded[1:]) > WEIGHT_BYTES / 2
    assert unloaded[-1] - unloaded[1] < WEIGHT_BYTES / 2
