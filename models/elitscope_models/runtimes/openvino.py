"""Members on the CPU, by OpenVINO: the fastest there (`benchmarks/`), and bitwise repeatable.

One request a member, on a fixed number of threads; heights and widths stay free, a new shape is adapted to at its first pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from elitscope_models.graph import INPUT
from elitscope_models.runtime import Image, Maps, NetworkInvalid, RuntimeUnavailable
from elitscope_models.runtimes.hardware import processor, usable_cores

_HINTS = {"fp32": "f32", "bf16": "bf16"}


@dataclass(frozen=True)
class OpenVinoRuntime:
    """OpenVINO's CPU device. `threads`: 0 means every core this process may use; `cache_dir`: where compiled networks are kept."""

    precision: str = "fp32"
    threads: int = 0
    cache_dir: Path | None = None

    @property
    def name(self) -> str:
        return "openvino-cpu"

    @property
    def fingerprint(self) -> str:
        return f"openvino {openvino.get_version()}; {processor()}; {self._threads} threads"

    @property
    def _threads(self) -> int:
        return self.threads or usable_cores()

    def load(self, onnx: bytes) -> OpenVinoNetwork:
        core = openvino.Core()
        if self.precision == "bf16" and not supports_bf16():
            raise RuntimeUnavailable("this CPU does not compute in bf16: use precision fp32")
        try:
            model = core.read_model(onnx)
            height, width = openvino.Dimension(), openvino.Dimension()
            model.reshape({INPUT: openvino.PartialShape([1, 1, height, width])})
            return OpenVinoNetwork(core.compile_model(model, "CPU", self._settings()).create_infer_request())
        except RuntimeError as error:
            raise NetworkInvalid(f"OpenVINO refuses this network: {_first_line(error)}") from error

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
        }
        return settings | ({"CACHE_DIR": str(self.cache_dir)} if self.cache_dir else {})


@dataclass(frozen=True)
class OpenVinoNetwork:
    """A compiled member and its own request, for one thread at a time."""

    request: Any

    def __call__(self, image: Image) -> Maps:
        try:
            outputs = self.request.infer([image[None, None]], share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise NetworkInvalid(f"OpenVINO failed on an image of shape {image.shape}: {_first_line(error)}") from error
        maps: Maps = np.asarray(outputs[0])[0]
        return maps


def supports_bf16() -> bool:
    """Whether OpenVINO can compute in bf16 here, fast or not."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
