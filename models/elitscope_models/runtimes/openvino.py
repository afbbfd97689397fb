"""Members on the CPU, by OpenVINO: the fastest there (`benchmarks/`), and bitwise repeatable.

One request a member, on a fixed number of threads; heights and widths stay free, a new shape is adapted to at its first pass. Or one
request for all members, for one shape (`fused`): faster, but compiled for each set of members and each shape.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from elitscope_models.cores import usable_cores
from elitscope_models.graph import INPUT
from elitscope_models.runtime import Image, Maps, NetworkInvalid, RuntimeUnavailable
from elitscope_models.runtimes.fused import OpenVinoWhole, fused_model
from elitscope_models.runtimes.hardware import processor
from elitscope_models.runtimes.kept import Kept

FUSED_VERSION = 2
"""Raised when `fused` builds another graph of the same members: those that were kept don't count any more."""

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
    def fused_name(self) -> str:
        return "openvino-fused-cpu"

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
            compiled = core.compile_model(model, "CPU", self._settings())
            return OpenVinoNetwork(compiled.create_infer_request(), compiled)
        except RuntimeError as error:
            raise NetworkInvalid(f"OpenVINO refuses this network: {_first_line(error)}") from error

    def fuse(self, members: Sequence[str], read: Callable[[], Sequence[bytes]], shape: tuple[int, int]) -> OpenVinoWhole:
        core = openvino.Core()
        kept = Kept(self.cache_dir / "fused") if self.cache_dir else None
        key = repr((FUSED_VERSION, self.fingerprint, self.precision, list(members), shape))
        try:
            compiled = self._kept_graph(core, kept, key)
            if compiled is None:
                compiled = core.compile_model(fused_model(core, read(), shape), "CPU", self._bare_settings())
                if kept is not None:
                    kept.put(key, compiled.export_model().getvalue())
            return OpenVinoWhole(compiled.create_infer_request())
        except RuntimeError as error:
            raise NetworkInvalid(f"OpenVINO can't run these networks in one: {_first_line(error)}") from error

    def _kept_graph(self, core: openvino.Core, kept: Kept | None, key: str) -> Any:
        content = kept.get(key) if kept is not None else None
        if content is None:
            return None
        try:
            return core.import_model(io.BytesIO(content), "CPU", self._bare_settings())
        except RuntimeError:  # of another build that calls itself the same version, say
            return None

    def _settings(self) -> dict[str, Any]:
        return self._bare_settings() | ({"CACHE_DIR": str(self.cache_dir)} if self.cache_dir else {})

    def _bare_settings(self) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self._threads,
            "ENABLE_CPU_PINNING": False,  # it would hold every pass on the first cores, whoever is busy there, whatever cores we were given
        }


@dataclass(frozen=True)
class OpenVinoNetwork:
    """A compiled member and its own request, for one thread at a time."""

    request: Any
    compiled: Any

    def rest(self) -> None:
        """Give back the buffers between layers: at 512 × 512 more than the weights."""
        self.compiled.release_memory()

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
