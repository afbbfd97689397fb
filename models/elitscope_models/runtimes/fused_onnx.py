"""All members of an ensemble as one ONNX graph that shares the image and ends in mean and spread: what GPUs run (`fused` is OpenVINO's)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from elitscope_models.graph import INPUT, OUTPUT

MAPS, MEAN, STD = "maps", "mean", "std"
OPSET = 17


def fused_onnx(networks: Sequence[bytes], shape: tuple[int, int] | tuple[str, str]) -> tuple[bytes, int]:
    """The graph, for images of one shape, or of any where its sides are names, and its number of classes.

    Outputs: `maps` [member, class, row, column], `mean` and `std` [1, class, row, column].

    Raises:
        ValueError: a member is of another opset than `OPSET`: it can't be put together with others.
    """
    members = [_member(network, index) for index, network in enumerate(networks)]
    classes = members[0].graph.output[0].type.tensor_type.shape.dim[1].dim_value
    nodes = [node for member in members for node in member.graph.node]
    nodes += [
        helper.make_node("Concat", [f"m{index}/{OUTPUT}" for index in range(len(members))], [MAPS], axis=0),
        helper.make_node("ReduceMean", [MAPS], [MEAN], axes=[0], keepdims=1),
        helper.make_node("Sub", [MAPS, MEAN], ["deviation"]),
        helper.make_node("Mul", ["deviation", "deviation"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["variance"], axes=[0], keepdims=1),
        helper.make_node("Sqrt", ["variance"], [STD]),
    ]
    sides = {MAPS: len(members), MEAN: 1, STD: 1}
    graph = helper.make_graph(
        nodes,
        "ensemble",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 1, *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [side, classes, *shape]) for name, side in sides.items()],
        [weights for member in members for weights in member.graph.initializer],
    )
    version = max(member.ir_version for member in members)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=version)
    return bytes(model.SerializeToString()), classes


def _member(network: bytes, index: int) -> onnx.ModelProto:
    """A member whose names are its own, but for the image's."""
    model = onnx.load_model_from_string(network)
    found = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 0)
    if found != OPSET:
        raise ValueError(f"member {index} is of opset {found}: only those of opset {OPSET} are put together")
    prefixed = compose.add_prefix(model, f"m{index}/")
    for node in prefixed.graph.node:
        node.input[:] = [INPUT if name == f"m{index}/{INPUT}" else name for name in node.input]
    return prefixed


def empty_results(members: int, classes: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Room for what the graph gives, by output."""
    layers = {MAPS: members, MEAN: 1, STD: 1}
    return {name: np.zeros((count, classes, *shape), np.float32) for name, count in layers.items()}
