"""How far a network sees: read off its graph, so that tiles can overlap by enough and no more.

Every tensor between image and output has a scale (image px per tensor px) and a reach: its px `i` depends on image px in
[i·scale − reach, (i + 1)·scale + reach) only. A convolution or a pooling adds its kernel's overhang times the scale, an interpolation one
coarse px. The largest scale on the way is the stride on which tiles must start for their pooling grids to coincide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from elitscope_models.graph import INPUT, OUTPUT


@dataclass(frozen=True)
class Receptive:
    """`halo`: px on each side of an output px that it can depend on; `stride`: px of the coarsest grid inside the network."""

    halo: int
    stride: int


@dataclass(frozen=True)
class _View:
    scale: Fraction
    reach: Fraction


class _Unreadable(Exception):
    """An operator whose reach this module does not know, or that sees the whole image."""


def receptive_field(model: onnx.ModelProto) -> Receptive | None:
    """The reach of a convolutional network, or None where its graph holds an operator that sees everything or is not known here."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    views = {INPUT: _View(Fraction(1), Fraction(0))}
    try:
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Cast" and node.input[0] in constants:  # weights stored in half precision
                constants[node.output[0]] = constants[node.input[0]]
            elif any(name in views for name in node.input):
                views.update(dict.fromkeys(node.output, _through(node, views, constants)))
    except _Unreadable:
        return None
    end = views.get(OUTPUT)
    if end is None or end.scale != 1:
        return None
    return Receptive(math.ceil(end.reach), math.ceil(max(view.scale for view in views.values())))


def _through(node: onnx.NodeProto, views: Mapping[str, _View], constants: Mapping[str, np.ndarray]) -> _View:
    rule = _RULES.get(node.op_type)
    if rule is None:
        raise _Unreadable(node.op_type)
    before = [views[name] for name in node.input if name in views]
    if len({view.scale for view in before}) > 1:
        raise _Unreadable(f"{node.op_type} joins tensors of different scales")
    widest = max(before, key=lambda view: view.reach)
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return rule(widest, node, attributes, constants)


_Rule = Callable[[_View, onnx.NodeProto, Mapping[str, Any], Mapping[str, np.ndarray]], _View]


def _pointwise(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    return view


def _over_channels(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    if attributes.get("axis") not in (1, -3):
        raise _Unreadable(f"{node.op_type} along another axis than the channels")
    return view


def _channels_kept(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    axes = constants.get(node.input[3]) if len(node.input) > 3 else None
    if axes is None or not {int(axis) for axis in axes.ravel()} <= {1, -3}:
        raise _Unreadable("Slice along another axis than the channels")
    return view


def _window(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    overhang, stride = Fraction(0), _strides(attributes)
    for before, after in _overhangs(node, attributes, constants):
        overhang = max(overhang, Fraction(before), Fraction(after - (stride - 1)))
    return _View(view.scale * stride, view.reach + view.scale * overhang)


def _transposed(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    stride = _strides(attributes)
    overhang = max(math.ceil(Fraction(side, stride)) for pair in _overhangs(node, attributes, constants) for side in pair)
    return _View(view.scale / stride, view.reach + view.scale * max(0, overhang))


def _resize(view: _View, node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> _View:
    scales = constants.get(node.input[2]) if len(node.input) > 2 else None
    if scales is None or scales.shape != (4,) or scales[2] != scales[3] or not float(scales[2]).is_integer() or scales[2] < 1:
        raise _Unreadable("Resize by a factor that isn't a whole number written into the graph")
    if attributes.get("coordinate_transformation_mode", b"half_pixel") not in (b"half_pixel", b"pytorch_half_pixel", b"asymmetric"):
        raise _Unreadable("Resize that depends on the whole image's size")
    if attributes.get("antialias", 0) or attributes.get("exclude_outside", 0):
        raise _Unreadable("Resize with antialiasing")
    neighbours = {b"nearest": 1, b"linear": 1, b"cubic": 2}[attributes.get("mode", b"nearest")]
    return _View(view.scale / int(scales[2]), view.reach + view.scale * neighbours)


def _strides(attributes: Mapping[str, Any]) -> int:
    strides = set(attributes.get("strides", (1, 1)))
    if len(strides) != 1 or attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise _Unreadable("strides that differ by axis, or automatic padding")
    return int(strides.pop())


def _overhangs(node: onnx.NodeProto, attributes: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> list[tuple[int, int]]:
    """Per axis: px that the kernel covers before and after the px it stands on."""
    if "kernel_shape" in attributes:
        kernel = list(attributes["kernel_shape"])
    elif len(node.input) > 1 and node.input[1] in constants:
        kernel = list(constants[node.input[1]].shape[2:])
    else:
        raise _Unreadable(f"{node.op_type} without a kernel in the graph")
    pads = list(attributes.get("pads", (0,) * 4))
    dilations = list(attributes.get("dilations", (1, 1)))
    return [(pads[i], (kernel[i] - 1) * dilations[i] - pads[i]) for i in range(2)]


_POINTWISE = (
    "Add BatchNormalization Cast Clip Div Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Identity LeakyRelu Log Max Min Mish Mul Neg PRelu "
    "Pow Reciprocal Relu Selu Sigmoid Softplus Softsign Sqrt Sub Swish Tanh"
)
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(_POINTWISE.split(), _pointwise),
    **dict.fromkeys(("Concat", "Softmax", "LogSoftmax"), _over_channels),
    **dict.fromkeys(("Conv", "MaxPool", "AveragePool"), _window),
    "Slice": _channels_kept,
    "ConvTranspose": _transposed,
    "Resize": _resize,
}
