"""All members of an ensemble as one OpenVINO graph that shares the image and ends in mean and spread.

    image ─┬─ member 0 ─┐
           ├─ member 1 ─┼─ maps ─┬─ mean ─┐
           └─ member 2 ─┘        └────────┴─ spread

The shape is fixed: that is where the gain lies (docs/decisions/0010). Mean and spread follow the last convolution, where OpenVINO
computes in fp32 whatever the convolutions are computed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as op

from elitscope_models.graph import INPUT
from elitscope_models.runtime import Image, Maps, NetworkInvalid

_MEMBERS = 0


def fused_model(core: openvino.Core, networks: Sequence[bytes], shape: tuple[int, int]) -> openvino.Model:
    """The graph. Outputs: maps [member, class, row, column], mean and spread [1, class, row, column].

    Raises:
        RuntimeError: OpenVINO refuses a member.
    """
    image = op.parameter(openvino.PartialShape([1, 1, *shape]), openvino.Type.f32)
    ends = [_planted(core, network, image.output(0), shape) for network in networks]
    maps = op.concat(ends, _MEMBERS)
    over_members = op.constant(np.array([_MEMBERS], np.int64))
    mean = op.reduce_mean(maps, over_members, True)
    deviation = op.subtract(maps, mean)  # two passes: the difference of two nearly equal sums would leave little of a small spread
    spread = op.sqrt(op.reduce_mean(op.multiply(deviation, deviation), over_members, True))
    return openvino.Model([op.result(maps), op.result(mean), op.result(spread)], [image], "ensemble")


def _planted(core: openvino.Core, network: bytes, image: Any, shape: tuple[int, int]) -> Any:
    """A member's graph, on an image that it shares with others; its last node's output."""
    model = core.read_model(network)
    model.reshape({INPUT: openvino.PartialShape([1, 1, *shape])})
    own = model.get_parameters()[0].output(0)
    for reader in own.get_target_inputs():
        reader.replace_source_output(image)
    return model.get_results()[0].input_value(0)


@dataclass(frozen=True)
class OpenVinoWhole:
    """A compiled graph and its request, for one thread at a time. Writes into the caller's arrays: nothing is copied."""

    request: Any

    def __call__(self, image: Image, maps: Maps, mean: Maps, std: Maps) -> None:
        try:
            self.request.set_input_tensor(_shared(image[None, None]))
            for index, array in enumerate((maps, mean[None], std[None])):
                self.request.set_output_tensor(index, _shared(array))
            self.request.infer()
        except RuntimeError as error:
            raise NetworkInvalid(f"OpenVINO failed on an image of shape {image.shape}: {error}") from error


def _shared(array: Maps) -> openvino.Tensor:
    return openvino.Tensor(array, shared_memory=True)
