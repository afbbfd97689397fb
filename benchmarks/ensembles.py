"""Ensembles of a given size for benchmarks: the shipped one's members and seeded perturbations of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from elitscope_models.bundle import load_bundle, read_member, sha256_of, write_bundle
from elitscope_models.zoo import find_bundle

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
