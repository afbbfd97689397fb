"""Small working ensembles for tests: each network is a handful of ONNX nodes that find bright dots on an uneven background.

No training, no torch, a few kB a member. A network blurs the image, takes away what `stride`-fold pooling and bilinear upsampling leave of
it, and turns the difference into a probability per class. Members differ in their blur, so that an ensemble of them has a spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from elitscope_models.bundle import (
    Architecture,
    Bundle,
    ClassInfo,
    Manifest,
    Member,
    Training,
    sha256_of,
    write_bundle,
)
from elitscope_models.normalise import MinMax, Normalisation

CLASS_NAMES = ("C", "Si", "N", "B")


def make_bundle(
    path: Path,
    members: int = 3,
    classes: int = 1,
    stride: int = 8,
    *,
    name: str = "toy",
    version: str = "1",
    sampling: float = 0.1,
    sampling_range: tuple[float, float] = (0.05, 0.2),
    normalisation: Normalisation | None = None,
    blurs: Sequence[float] | None = None,
    training: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle of `members` toy networks to `path` and load it.

    `stride` is a power of two. `blurs` (px, one a member) decides how the members differ; class `c` needs dots brighter than 0.2 + 0.25·c
    of the normalised range.
    """
    blurs = [1.0 + 0.25 * i for i in range(members)] if blurs is None else blurs
    files = {i: dot_network(blurs[i], classes, stride) for i in range(members)}
    manifest = toy_manifest(files, classes, stride, name, version, sampling, sampling_range, normalisation, training)
    return write_bundle(path, manifest, files, overwrite=overwrite)


def toy_manifest(
    files: dict[int, bytes],
    classes: int = 1,
    stride: int = 8,
    name: str = "toy",
    version: str = "1",
    sampling: float = 0.1,
    sampling_range: tuple[float, float] = (0.05, 0.2),
    normalisation: Normalisation | None = None,
    training: dict[str, Any] | None = None,
) -> Manifest:
    """The manifest that belongs to `files` (ONNX bytes by member id)."""
    return Manifest(
        name=name,
        version=version,
        classes=tuple(ClassInfo(name=CLASS_NAMES[c], element=CLASS_NAMES[c]) for c in range(classes)),
        sampling=sampling,
        sampling_range=sampling_range,
        stride=stride,
        normalisation=normalisation or MinMax(),
        architecture=Architecture(name="dot-finder"),
        members=tuple(Member(id=i, file=f"member-{i:02d}.onnx", sha256=sha256_of(data), metrics={"iou": 0.9}) for i, data in files.items()),
        training=Training(**({"recipe": "none", "data": "none", "domain": "simulation"} | (training or {}))),
        license="MIT",
    )


def dot_network(blur: float = 1.0, classes: int = 1, stride: int = 8, gain: float = 20.0) -> bytes:
    """An ONNX file: `image` [n, 1, h, w] → `probabilities` [n, classes, h, w], h and w multiples of `stride` (a power of two)."""
    levels = stride.bit_length() - 1
    kernel = _gaussian(blur)
    weights = {"blur": kernel, "smooth": np.full((1, 1, 3, 3), 1 / 9, np.float32)}
    nodes = [helper.make_node("Conv", ["image", "blur"], ["level0"], kernel_shape=kernel.shape[2:], pads=[kernel.shape[2] // 2] * 4)]
    halve = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes += [helper.make_node("AveragePool", [f"level{i}"], [f"level{i + 1}"], **halve) for i in range(levels)]
    nodes.append(helper.make_node("Conv", [f"level{levels}", "smooth"], [f"coarse{levels}"], kernel_shape=[3, 3], pads=[1] * 4))
    weights["twice"] = np.array([1, 1, 2, 2], np.float32)
    for i in range(levels, 0, -1):
        resize = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        nodes.append(helper.make_node("Resize", [f"coarse{i}", "", "twice"], [f"coarse{i - 1}"], **resize))
    weights["gain"] = np.full((classes, 1, 1, 1), gain, np.float32)
    weights["bias"] = -gain * (0.2 + 0.25 * np.arange(classes)).astype(np.float32)
    nodes += [
        helper.make_node("Sub", ["level0", "coarse0"], ["contrast"]),
        helper.make_node("Conv", ["contrast", "gain", "bias"], ["logits"], kernel_shape=[1, 1]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    return network_file(nodes, weights, classes)


def network_file(
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    classes: int = 1,
    shape: Sequence[Any] = ("n", 1, "h", "w"),
    **names: str,
) -> bytes:
    """Serialise a network with the contract's face; `shape`, `input` and `output` are there to get it wrong on purpose."""
    image = helper.make_tensor_value_info(names.get("input", "image"), TensorProto.FLOAT, list(shape))
    output = helper.make_tensor_value_info(names.get("output", "probabilities"), TensorProto.FLOAT, ["n", classes, "h2", "w2"])
    initializers = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    graph = helper.make_graph(list(nodes), "toy", [image], [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))


def _gaussian(sigma: float) -> np.ndarray:
    reach = int(np.ceil(3 * sigma))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    line /= line.sum()
    return np.outer(line, line).astype(np.float32)[None, None]
