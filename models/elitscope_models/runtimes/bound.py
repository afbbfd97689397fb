"""A graph of all members with its image and its results at fixed addresses of the device, as CUDA graphs want them.

One copy to the device, one launch, and the results back: nothing else crosses the bus. A CUDA graph replays the launches of a whole call; a
network whose operators can't all be captured is run without one.

Tried on the CPU alone, where binding works the same: captures, and the copies from and to a GPU, have not been run yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

from elitscope_models.graph import INPUT
from elitscope_models.runtime import Image, Maps, NetworkInvalid
from elitscope_models.runtimes.fused_onnx import MAPS, MEAN, STD, empty_results

MakeSession = Callable[[bool], onnxruntime.InferenceSession]
"""A session of the graph, with a CUDA graph or without."""

DEVICES = {"cpu": "cpu", "cuda": "cuda", "tensorrt": "cuda"}
"""Where tensors lie, by the runtime's device."""

_CAPTURE = 2
"""Runs until a CUDA graph is captured and replayed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoundWhole:
    """A session with its buffers, for one thread at a time."""

    session: onnxruntime.InferenceSession
    binding: Any
    image: Any
    results: Mapping[str, Any]

    def __call__(self, image: Image, maps: Maps, mean: Maps, std: Maps) -> None:
        try:
            self.image.update_inplace(np.ascontiguousarray(image[None, None]))
            self.session.run_with_iobinding(self.binding)
            for name, target in ((MAPS, maps), (MEAN, mean[None]), (STD, std[None])):
                target[:] = self.results[name].numpy()
        except Exception as error:  # its exceptions have no public base class
            raise NetworkInvalid(f"ONNX Runtime failed on an image of shape {image.shape}: {error}") from error


def bind(make: MakeSession, device: str, members: int, classes: int, shape: tuple[int, int]) -> BoundWhole:
    """The graph, run twice; captured where the device can do that and the graph allows it.

    Args:
        make: makes sessions.
        device: `cpu`, `cuda` or `tensorrt`.

    Raises:
        NetworkInvalid: it does not run.
    """
    if DEVICES[device] == "cuda":
        try:
            return _bound(make(True), device, members, classes, shape)
        except Exception as error:  # noqa: BLE001 - its exceptions have no public base class
            logger.info("these networks can't be captured in a CUDA graph, and are run without: %s", error)
    return _bound(make(False), device, members, classes, shape)


def _bound(session: onnxruntime.InferenceSession, device: str, members: int, classes: int, shape: tuple[int, int]) -> BoundWhole:
    place, binding = DEVICES[device], session.io_binding()
    image = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1, *shape), np.float32), place)
    room = empty_results(members, classes, shape)
    results = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array, place) for name, array in room.items()}
    binding.bind_ortvalue_input(INPUT, image)
    for name, value in results.items():
        binding.bind_ortvalue_output(name, value)
    whole = BoundWhole(session, binding, image, results)
    for _ in range(_CAPTURE):
        whole(np.zeros(shape, np.float32), room[MAPS], room[MEAN][0], room[STD][0])
    return whole
