"""Weights stored in half precision, computed with in single: half the disk, and neither speed nor the runtime's arithmetic changes.

The convolutions' kernels become float16 constants, each followed by a `Cast` to float32. Runtimes compute a cast of a constant once, at
load, so that what runs is the network with rounded kernels, bit for bit. Vectors (biases, statistics of batch normalisation) stay as they
are: they are few, and their values range more widely than half precision does.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_LEAST_AXES = 2
_LARGEST = float(np.finfo(np.float16).max)
_SUFFIX = ".half"


def halve(data: bytes) -> bytes:
    """The same network with its float32 kernels stored as float16.

    Args:
        data: an ONNX file, all weights inside.

    Returns:
        An ONNX file of the default operator set; a file that has been halved already comes back as it is.

    Raises:
        ValueError: a weight lies beyond what float16 holds (65504).
    """
    model = onnx.load_model_from_string(data)
    casts = []
    for tensor in model.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.ndim < _LEAST_AXES:
            continue
        name = tensor.name
        if (largest := float(np.abs(weights).max(initial=0.0))) > _LARGEST:
            raise ValueError(f"weights {name!r} reach {largest:g}, more than half precision holds: keep them in single precision")
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), name + _SUFFIX))
        casts.append(helper.make_node("Cast", [name + _SUFFIX], [name], name=f"single/{name}", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
