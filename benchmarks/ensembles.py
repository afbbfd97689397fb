"""Ensembles of a given size for benchmarks: the shipped one's members and perturbations of them, or other networks with seeded weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from elitscope_models.bundle import Bundle, load_bundle, read_member, sha256_of, write_bundle
from elitscope_models.zoo import find_bundle

if TYPE_CHECKING:
    from elitscope_models.training.network import UNetShape

_CHANGE = 1e-3


def write_ensemble(folder: Path, members: int, name: str = "bench") -> Path:
    """A bundle of `members` distinct networks of the shipped architecture, written to `folder`/`name`."""
    shipped = load_bundle(find_bundle("graphene"))
    originals = shipped.manifest.members
    files = {i: perturbed(read_member(shipped, originals[i % len(originals)].id), seed=i) for i in range(members)}
    entries = [
        originals[i % len(originals)].model_copy(update={"id": i, "file": f"member-{i:02d}.onnx", "sha256": sha256_of(files[i])})
        for i in files
    ]
    manifest = shipped.manifest.model_copy(update={"name": name, "members": tuple(entries)})
    return write_bundle(folder / name, manifest, files).path


def seeded_unets(folder: Path, shape: UNetShape, members: int) -> Bundle:
    """A bundle of `members` U-Nets of a shape, their weights drawn at random: they find nothing, and cost what trained ones do."""
    import torch

    from elitscope_models.training.export import export
    from elitscope_models.training.network import build, initialise

    files = {}
    for index in range(members):
        network = build(shape)
        initialise(network, torch.Generator().manual_seed(index))
        files[index] = export(network.eval())
    like = load_bundle(find_bundle("graphene")).manifest
    entries = tuple(
        like.members[0].model_copy(update={"id": index, "file": f"member-{index:02d}.onnx", "sha256": sha256_of(data)})
        for index, data in files.items()
    )
    architecture = like.architecture.model_copy(update={"name": "unet", "halo": None, "parameters": {}})
    changes = {"name": folder.name, "stride": shape.stride, "members": entries, "architecture": architecture}
    return write_bundle(folder, like.model_copy(update=changes), files)


def perturbed(network: bytes, seed: int) -> bytes:
    """The network with every weight changed by a relative 0.1 % or so: other weights, the same work."""
    rng = np.random.default_rng(seed)
    model = onnx.load_from_string(network)
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype.kind == "f" and weights.ndim == 4:
            changed = (weights * (1 + _CHANGE * rng.standard_normal(weights.shape))).astype(weights.dtype)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    return model.SerializeToString()
