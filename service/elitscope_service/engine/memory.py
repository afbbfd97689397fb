"""How much memory this process holds, and how it is given back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Resident set size in bytes; where the system does not tell the present one, its peak."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Hand what is no longer used back to the system: Python's cycles first, then what the C library keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # the GNU C library alone has it
        ctypes.CDLL(None).malloc_trim(0)
