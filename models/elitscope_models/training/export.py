"""From a trained network to an ONNX file that the service runs, checked against torch before it is handed on.

The graph takes `image` float32 [n, 1, h, w] (normalised) and gives `probabilities` float32 [n, class, h, w], with sigmoid or softmax
inside and n, h and w free. Batch normalisation follows the activation here, so a runtime can't fold it into the convolution before it;
it is folded into the next one only where no padding lies between, which is a runtime's business, not ours.

Kernels may be stored in half precision (`training.half`), which a network has to earn: where that changes its probabilities by more than
`HALF_TOLERANCE`, they stay in single precision.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from elitscope_models.training.half import halve
from elitscope_models.training.network import UNet, probabilities

OPSET = 17
"""Old enough for every runtime in use, new enough for `Resize` as torch has it."""
TOLERANCE = 1e-3
"""Largest difference between torch and ONNX Runtime, both float32, in probability. On noise, steep logits make 1e-4 of a last bit, the more
so after a short training, whose channels may be nearly constant; a graph that is wrong differs by a hundred times as much."""
HALF_TOLERANCE = 5e-3
"""Largest difference that kernels in half precision may make, in probability; the shipped networks' is about 1e-3, computing in bf16 makes
ten times as much."""

logger = logging.getLogger(__name__)


class _Probabilities(nn.Module):
    """The network with its last step: foreground probabilities instead of logits."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return probabilities(self.network(image), self.network.shape)


def export(network: UNet, tolerance: float | None = None, half: bool = False) -> bytes:
    """The network as a self-contained ONNX file; equal networks give equal bytes.

    Args:
        network: the trained network.
        tolerance: largest difference from torch, in probability, that is borne (None: `TOLERANCE`).
        half: store kernels in half precision, unless that changes probabilities by more than `HALF_TOLERANCE`.

    Raises:
        RuntimeError: ONNX Runtime does not give what torch gives.
    """
    model = _Probabilities(network).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # the exporter that writes plain, named initialisers and needs no further package; torch calls it the old one
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.zeros(1, 1, 8 * network.shape.stride, 8 * network.shape.stride),),
            buffer,  # type: ignore[arg-type]
            input_names=["image"],
            output_names=["probabilities"],
            dynamic_axes={"image": {0: "n", 2: "h", 3: "w"}, "probabilities": {0: "n", 2: "h", 3: "w"}},
            opset_version=OPSET,
            dynamo=False,
        )
    data = _tidy(buffer.getvalue(), network.shape.foreground)
    borne = TOLERANCE if tolerance is None else tolerance
    difference = compare(network, data)
    if not difference <= borne:
        raise RuntimeError(f"ONNX Runtime differs from torch by {difference:.2g} in probability, more than {borne:g}: not exported")
    return _halved(network, data) if half else data


def compare(network: UNet, data: bytes, seed: int = 0) -> float:
    """Largest difference in probability between torch, in float32, and ONNX Runtime on random images of two shapes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    worst = 0.0
    for shape in ((1, 1, 64, 64), (2, 1, 48, 112)):
        image = rng.standard_normal(shape).astype(np.float32)
        with torch.no_grad():
            expected: Any = probabilities(network(torch.from_numpy(image)), network.shape).numpy()
        worst = max(worst, float(np.abs(np.asarray(session.run(None, {"image": image})[0]) - expected).max()))
    return worst


def _halved(network: UNet, data: bytes) -> bytes:
    """The network in half the space, or as it is where that would change too much."""
    try:
        small = halve(data)
    except ValueError as error:
        logger.warning("%s", error)
        return data
    difference = compare(network, small)
    if not difference <= HALF_TOLERANCE:
        logger.warning("half precision changes probabilities by %.2g, more than %g: kept in single precision", difference, HALF_TOLERANCE)
        return data
    return small


def _tidy(data: bytes, classes: int) -> bytes:
    """The graph without what only the exporter cares about: docstrings, and shapes that differ from run to run."""
    model = onnx.load_model_from_string(data)
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.ClearField("doc_string")
    output = model.graph.output[0].type.tensor_type.shape.dim[1]
    output.ClearField("dim_param")
    output.dim_value = classes
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
