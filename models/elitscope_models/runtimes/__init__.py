"""Which runtimes this computer has, in the order in which they should be tried."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import elitscope_models.quiet  # noqa: F401 - before the libraries that it keeps quiet
from elitscope_models.runtime import Runtime, RuntimeUnavailable
from elitscope_models.runtimes.hardware import bf16_is_faster, gpu_count
from elitscope_models.runtimes.onnxruntime import OnnxRuntime

DEVICES = ("auto", "cpu", "cuda", "tensorrt")
PRECISIONS = ("auto", "fp32", "bf16")


def choose(device: str = "auto", precision: str = "auto", threads: int = 0, cache_dir: Path | None = None) -> tuple[Runtime, ...]:
    """Runtimes to try, the best first.

    With precision `auto` there can be two: a reduced precision, which has to earn its place against the second, fp32
    (`elitscope_models.ensemble.load_ensemble`).

    Args:
        device: `auto` takes an NVIDIA GPU where the driver offers one, the CPU otherwise.
        precision: `auto`, `fp32` or `bf16`.
        threads: of the CPU; 0 means every core that this process may use.
        cache_dir: where compiled networks are kept from one start to the next.

    Raises:
        RuntimeUnavailable: nothing here does what was asked for.
        ValueError: an unknown device or precision.
    """
    if device not in DEVICES or precision not in PRECISIONS:
        raise ValueError(f"device {device!r}, precision {precision!r}: choose of {DEVICES} and {PRECISIONS}")
    if device == "auto":
        device = "cuda" if gpu_count() else "cpu"
    if device == "cpu":
        return _on_cpu(precision, threads, cache_dir)
    if not gpu_count():
        raise RuntimeUnavailable(f"device {device}: no NVIDIA GPU or driver was found; use device cpu, or auto")
    precisions = ("fp32",) if precision == "auto" else (precision,)
    return tuple(OnnxRuntime(device, chosen, threads, cache_dir=cache_dir) for chosen in precisions)


def all_runtimes(threads: int = 0, cache_dir: Path | None = None) -> tuple[Runtime, ...]:
    """Every combination that this computer can run, for matching a plan by its name and for checking one against another."""
    runtimes: list[Runtime] = []
    if _has_openvino():
        from elitscope_models.runtimes.openvino import OpenVinoRuntime, supports_bf16

        runtimes.append(OpenVinoRuntime("fp32", threads, cache_dir))
        runtimes += [OpenVinoRuntime("bf16", threads, cache_dir)] if supports_bf16() else []
    runtimes.append(OnnxRuntime("cpu", "fp32", threads))
    if gpu_count():
        runtimes.append(OnnxRuntime("cuda", "fp32", threads))
        runtimes += [OnnxRuntime("tensorrt", precision, threads, cache_dir=cache_dir) for precision in ("fp32", "bf16")]
    return tuple(runtimes)


def _on_cpu(precision: str, threads: int, cache_dir: Path | None) -> tuple[Runtime, ...]:
    if not _has_openvino():
        if precision == "bf16":
            raise RuntimeUnavailable("precision bf16 on the CPU needs OpenVINO, which is not installed: use fp32")
        return (OnnxRuntime("cpu", "fp32", threads),)
    from elitscope_models.runtimes.openvino import OpenVinoRuntime, supports_bf16

    if precision == "bf16" and not supports_bf16():
        raise RuntimeUnavailable("this CPU does not compute in bf16: use precision fp32")
    if precision != "auto":
        return (OpenVinoRuntime(precision, threads, cache_dir),)
    precisions = ("bf16", "fp32") if supports_bf16() and bf16_is_faster() else ("fp32",)
    return tuple(OpenVinoRuntime(chosen, threads, cache_dir) for chosen in precisions)


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None
