"""Entry of the monitor process: `python -m elitscope_service.monitor REPORT_FD PARENT_PID`, configuration as one JSON line on stdin."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from elitscope_service.child import ReportPipe, arguments, become_child, read_first_line
from elitscope_service.logs import log_to_stderr

NICENESS = 5


def main(argv: list[str]) -> int:
    """Tie this process to its parent and step behind the engine, and only then import what takes long."""
    fd, parent = arguments(argv)
    become_child(parent)
    stay_behind()
    log_to_stderr("monitor")
    from elitscope_service.config import ServerConfig
    from elitscope_service.monitor.process import run

    return run(ServerConfig.model_validate_json(read_first_line()), ReportPipe(fd))


def stay_behind() -> None:
    """One thread, and what processor time frames leave. Where the system weighs sessions against each other, this one is to weigh less."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ[name] = "1"
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # not on every system
        Path("/proc/self/autogroup").write_text(str(NICENESS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
