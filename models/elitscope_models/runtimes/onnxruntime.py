"""Members by ONNX Runtime: on NVIDIA GPUs through CUDA or TensorRT, and on the CPU as the second opinion on OpenVINO's numbers.

ONNX Runtime falls back to the CPU without a word where CUDA fails to start; here that is an error, since a user who asked for a GPU would
wonder about the latency for a long time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from elitscope_models.cores import usable_cores
from elitscope_models.graph import INPUT, OUTPUT
from elitscope_models.runtime import Image, Maps, NetworkInvalid, RuntimeUnavailable
from elitscope_models.runtimes.bound import BoundWhole, bind
from elitscope_models.runtimes.fused_onnx import fused_onnx
from elitscope_models.runtimes.hardware import gpu_name, processor

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_PRECISIONS = {"cpu": ("fp32",), "cuda": ("fp32",), "tensorrt": ("fp32", "bf16")}
_QUIET = 3


@dataclass(frozen=True)
class OnnxRuntime:
    """ONNX Runtime on `device` "cpu", "cuda" or "tensorrt".

    `threads`: of the CPU, 0 means every core this process may use; `gpu_memory`: bytes that one member's arena may take, since it never
    shrinks by itself; `cache_dir`: where TensorRT keeps its engines.
    """

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 0
    gpu_memory: int = 4 << 30
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS[self.device]:
            offered = ", ".join(_PRECISIONS[self.device])
            raise RuntimeUnavailable(f"ONNX Runtime on {self.device} computes in {offered}, not {self.precision}")

    @property
    def name(self) -> str:
        return f"onnxruntime-{self.device}"

    @property
    def fused_name(self) -> str:
        return f"onnxruntime-fused-{self.device}"

    @property
    def fingerprint(self) -> str:
        hardware = f"{processor()}; {self._threads} threads" if self.device == "cpu" else gpu_name()
        return f"onnxruntime {onnxruntime.__version__}; {hardware}"

    @property
    def _threads(self) -> int:
        return self.threads or usable_cores()

    def load(self, onnx: bytes) -> OnnxNetwork:
        return OnnxNetwork(self._session(onnx))

    def fuse(self, members: Sequence[str], read: Callable[[], Sequence[bytes]], shape: tuple[int, int]) -> BoundWhole:
        try:
            onnx, classes = fused_onnx(read(), shape)
        except Exception as error:  # onnx's composing raises what it pleases
            raise NetworkInvalid(f"these networks can't be put together: {error}") from error
        return bind(lambda captured: self._session(onnx, captured), self.device, len(members), classes, shape)

    def _session(self, onnx: bytes, captured: bool = False) -> onnxruntime.InferenceSession:
        wanted = PROVIDERS[self.device]
        if wanted not in onnxruntime.get_available_providers():
            raise RuntimeUnavailable(f"this build of ONNX Runtime has no {wanted}: install `elitscope-service[gpu]`")
        if self.device != "cpu":
            onnxruntime.preload_dlls(directory="")
        try:
            session = onnxruntime.InferenceSession(onnx, self._options(), providers=self._providers(captured))
        except Exception as error:  # its exceptions have no public base class
            raise NetworkInvalid(f"ONNX Runtime refuses this network: {error}") from error
        if session.get_providers()[0] != wanted:
            raise RuntimeUnavailable(f"{wanted} does not start here (driver, CUDA or cuDNN missing?): ONNX Runtime fell back to the CPU")
        return session

    def _options(self) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.use_deterministic_compute = True
        options.log_severity_level = _QUIET
        return options

    def _providers(self, captured: bool = False) -> list[Any]:
        """Providers in order of preference; `captured` as a CUDA graph, by the first of them."""
        if self.device == "cpu":
            return [PROVIDERS["cpu"]]
        cuda = {
            "cudnn_conv_algo_search": "HEURISTIC",  # an exhaustive search costs 0.6 s at every new shape
            "arena_extend_strategy": "kSameAsRequested",
            "gpu_mem_limit": str(self.gpu_memory),
            "use_tf32": "0",  # fp32 is what the plan says
        }
        if self.device == "cuda":
            cuda["enable_cuda_graph"] = str(int(captured))
        providers: list[Any] = [(PROVIDERS["cuda"], cuda), PROVIDERS["cpu"]]
        return [(PROVIDERS["tensorrt"], self._tensorrt(captured)), *providers] if self.device == "tensorrt" else providers

    def _tensorrt(self, captured: bool) -> dict[str, str]:
        switches = {
            "trt_bf16_enable": self.precision == "bf16",
            "trt_engine_cache_enable": self.cache_dir is not None,
            "trt_cuda_graph_enable": captured,
        }
        settings = {name: str(on) for name, on in switches.items()}
        folder = {"trt_engine_cache_path": str(self.cache_dir), "trt_timing_cache_path": str(self.cache_dir)} if self.cache_dir else {}
        return settings | folder


@dataclass(frozen=True)
class OnnxNetwork:
    """A member's session."""

    session: onnxruntime.InferenceSession

    def __call__(self, image: Image) -> Maps:
        try:
            maps: Maps = np.asarray(self.session.run([OUTPUT], {INPUT: image[None, None]})[0])[0]
        except Exception as error:  # its exceptions have no public base class
            raise NetworkInvalid(f"ONNX Runtime failed on an image of shape {image.shape}: {error}") from error
        return maps
