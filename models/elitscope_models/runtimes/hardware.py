"""What this computer computes with: read, never timed, so that server and offline command come to the same plan."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve", "bf16")


def processor(cpu_info: Path = CPU_INFO) -> str:
    """Name of the CPU and the instruction sets that numbers depend on; the name alone on systems that don't list those."""
    facts = _facts(cpu_info)
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    name = facts.get("model name") or platform.processor() or platform.machine()
    return " ".join([name, *(known for known in _INSTRUCTIONS if known in flags)])


def bf16_is_faster(cpu_info: Path = CPU_INFO) -> bool:
    """Whether the CPU has matrix units (AMX) for bf16: with them it is 3× as fast as fp32, without them it was measured 1.6× slower."""
    return "amx_bf16" in _facts(cpu_info).get("flags", "").split()


def gpu_count() -> int:
    """NVIDIA GPUs that the driver offers; 0 where there is no driver."""
    driver = _driver()
    count = ctypes.c_int(0)
    return count.value if driver is not None and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def gpu_name() -> str:
    """The first GPU's name."""
    driver, device, name = _driver(), ctypes.c_int(0), ctypes.create_string_buffer(128)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), 0) or driver.cuDeviceGetName(name, len(name), device):
        return "none"
    return name.value.decode()


def _facts(cpu_info: Path) -> dict[str, str]:
    """The first processor's lines of Linux's list; empty elsewhere."""
    try:
        first = cpu_info.read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _driver() -> Any:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None
