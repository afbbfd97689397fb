"""Kernels in half precision: a smaller file, and the very numbers of a network with rounded kernels."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from onnx import helper, numpy_helper

from elitscope_models.graph import parse_graph
from elitscope_models.receptive import receptive_field
from elitscope_models.training.half import halve
from tests.support.bundles import dot_network, network_file


def rounded(data: bytes) -> bytes:
    """The network with the values that half precision leaves of its kernels, in single precision."""
    model = onnx.load_model_from_string(data)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim >= 2:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16).astype(np.float32), tensor.name))
    return bytes(model.SerializeToString())


def by_onnxruntime(data: bytes, image: np.ndarray) -> np.ndarray:
    return np.asarray(onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"image": image})[0])


def by_openvino(precision: str, data: bytes, image: np.ndarray) -> np.ndarray:
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1}
    return np.array(core.compile_model(core.read_model(data), "CPU", settings)(image)[0])


def precisions() -> list[str]:
    return ["f32", "bf16"] if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else ["f32"]


def test_every_runtime_computes_the_network_with_rounded_kernels_bit_for_bit() -> None:
    data = dot_network(blur=1.3, classes=2)
    image = np.random.default_rng(0).standard_normal((1, 1, 48, 64)).astype(np.float32)
    np.testing.assert_array_equal(by_onnxruntime(halve(data), image), by_onnxruntime(rounded(data), image))
    for precision in precisions():
        np.testing.assert_array_equal(by_openvino(precision, halve(data), image), by_openvino(precision, rounded(data), image))
    assert not np.array_equal(by_onnxruntime(halve(data), image), by_onnxruntime(data, image))


def test_the_file_is_one_that_bundles_accept_and_reaches_as_far() -> None:
    data = dot_network(blur=2.0, stride=4)
    before, after = (receptive_field(parse_graph(file, 1)) for file in (data, halve(data)))
    assert before == after
    assert before is not None


def test_kernels_are_halved_and_vectors_are_not() -> None:
    model = onnx.load_model_from_string(halve(dot_network(classes=2)))
    types = {tensor.name: numpy_helper.to_array(tensor).dtype for tensor in model.graph.initializer}
    assert types == {
        "blur.half": np.float16,
        "smooth.half": np.float16,
        "gain.half": np.float16,
        "twice": np.float32,
        "bias": np.float32,
    }
    assert {node.domain for node in model.graph.node} == {""}


def test_halving_twice_changes_nothing() -> None:
    once = halve(dot_network())
    assert halve(once) == once


def test_weights_that_half_precision_can_not_hold_are_refused_and_quoted() -> None:
    data = network_file(
        [helper.make_node("Conv", ["image", "steep"], ["probabilities"])], {"steep": np.full((1, 1, 1, 1), 7e4, np.float32)}
    )
    with pytest.raises(ValueError, match="'steep' reach 70000"):
        halve(data)
