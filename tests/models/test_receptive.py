from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from elitscope_models.graph import parse_graph
from elitscope_models.receptive import receptive_field
from tests.support.bundles import dot_network, network_file

KERNEL = {"kernel": np.ones((1, 1, 3, 3), np.float32) / 9, "twice": np.array([1, 1, 2, 2], np.float32)}

SLICE = {"zero": np.array([0]), "one": np.array([1]), "channels": np.array([1]), "rows": np.array([2])}


def conv(source: str, target: str, **attributes: Any) -> Any:
    return helper.make_node("Conv", [source, "kernel"], [target], **({"pads": [1] * 4, "kernel_shape": [3, 3]} | attributes))


def resize(source: str, target: str, **attributes: Any) -> Any:
    return helper.make_node("Resize", [source, "", "twice"], [target], **({"mode": "linear"} | attributes))


def measured_reach(data: bytes, stride: int) -> int:
    """The farthest that a changed pixel is felt, tried on a pixel of every phase of the pooling grid."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    side = 32 * stride
    image = np.random.default_rng(0).random((1, 1, side, side), dtype=np.float32)
    before = session.run(None, {"image": image})[0]
    reach = 0
    for place in range(side // 2, side // 2 + stride):
        changed = image.copy()
        changed[0, 0, place, place] += 5
        felt = np.argwhere(session.run(None, {"image": changed})[0][0, 0] != before[0, 0])
        reach = max(reach, int(np.abs(felt - place).max()))
    return reach


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_the_halo_covers_what_a_network_really_sees_and_little_more(stride: int) -> None:
    data = dot_network(blur=1.0, stride=stride, gain=0.5)
    field = receptive_field(parse_graph(data, 1))
    assert field is not None
    assert field.stride == stride
    measured = measured_reach(data, stride)
    assert measured <= field.halo <= measured + 2 * stride


def test_dilation_and_transposed_convolution_are_counted() -> None:
    weights = {"kernel": np.ones((1, 1, 3, 3), np.float32) / 9, "up": np.ones((1, 1, 4, 4), np.float32)}
    nodes = [
        conv("image", "wide", dilations=[4, 4], pads=[4] * 4),
        helper.make_node("MaxPool", ["wide"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ConvTranspose", ["small", "up"], ["probabilities"], kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4),
    ]
    data = network_file(nodes, weights)
    field = receptive_field(parse_graph(data, 1))
    assert field is not None
    assert field.stride == 2
    assert measured_reach(data, 2) <= field.halo <= 10


def test_leaving_channels_out_costs_no_reach() -> None:
    weights = KERNEL | {"two": np.ones((2, 1, 3, 3), np.float32)} | SLICE
    nodes = [
        helper.make_node("Conv", ["image", "two"], ["both"], pads=[1] * 4),
        helper.make_node("Slice", ["both", "zero", "one", "channels"], ["probabilities"]),
    ]
    field = receptive_field(parse_graph(network_file(nodes, weights), 1))
    assert field is not None
    assert field.halo == 1


def test_kernels_in_half_precision_are_read_through_their_cast() -> None:
    weights = {"small": np.ones((1, 1, 5, 5), np.float16)}
    nodes = [
        helper.make_node("Cast", ["small"], ["kernel"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["image", "kernel"], ["probabilities"], pads=[2] * 4),
    ]
    field = receptive_field(parse_graph(network_file(nodes, weights), 1))
    assert field is not None
    assert field.halo == 2


UNREADABLE = [
    (
        "sees the mean of everything",
        [helper.make_node("GlobalAveragePool", ["image"], ["m"]), helper.make_node("Sub", ["image", "m"], ["probabilities"])],
    ),
    ("a part of the rows", [helper.make_node("Slice", ["image", "zero", "one", "rows"], ["probabilities"])]),
    ("softmax over a row", [helper.make_node("Softmax", ["image"], ["probabilities"], axis=3)]),
    (
        "interpolation tied to the image's ends",
        [
            helper.make_node("MaxPool", ["image"], ["s"], kernel_shape=[2, 2], strides=[2, 2]),
            resize("s", "probabilities", coordinate_transformation_mode="align_corners"),
        ],
    ),
    ("automatic padding", [conv("image", "probabilities", auto_pad="SAME_UPPER", pads=[0] * 4)]),
    ("ends on a coarser grid", [helper.make_node("MaxPool", ["image"], ["probabilities"], kernel_shape=[2, 2], strides=[2, 2])]),
]


@pytest.mark.parametrize("nodes", [case[1] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_a_network_whose_reach_is_unknown_is_not_guessed_at(nodes: list[Any]) -> None:
    assert receptive_field(parse_graph(network_file(nodes, KERNEL | SLICE), 1)) is None
