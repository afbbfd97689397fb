"""Entry of the engine process: `python -m elitscope_service.engine REPORT_FD PARENT_PID`, configuration as one JSON line on stdin."""

from __future__ import annotations

import sys

from elitscope_service.child import ReportPipe, arguments, become_child, read_first_line
from elitscope_service.config import ServerConfig
from elitscope_service.logs import log_to_stderr


def main(argv: list[str]) -> int:
    """Tie this process to its parent, and only then import what takes long."""
    fd, parent = arguments(argv)
    become_child(parent)
    log_to_stderr("engine")
    from elitscope_service.engine.process import run

    return run(ServerConfig.model_validate_json(read_first_line()), ReportPipe(fd))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
