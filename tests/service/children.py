"""A child process for tests of those who keep one: does what its configuration says. `python -m tests.service.children FD PID`."""

from __future__ import annotations

import json
import os
import sys
import time

from elitscope_service.child import CommandLines, Report, ReportPipe, arguments, become_child, read_first_line


def main(argv: list[str]) -> int:
    """Configuration: a list of words, done one after the other."""
    fd, parent = arguments(argv)
    become_child(parent)
    reports = ReportPipe(fd)
    for word in json.loads(read_first_line()):
        if word == "ready":
            reports.send(Report("ready", {"pid": str(os.getpid())}))
        elif word == "fail":
            reports.send(Report("failed", message="the port is taken"))
            return 1
        elif word == "crash":
            os.abort()
        elif word == "obey":
            return obey(reports)
        elif word == "sleep":
            time.sleep(3600)
        elif word == "environment":
            reports.send(Report("ready", {"stdout": str(os.fstat(1).st_ino), "stderr": str(os.fstat(2).st_ino), "sid": str(os.getsid(0))}))
    return 0


def obey(reports: ReportPipe) -> int:
    """Report every command, until one says stop."""
    lines = CommandLines()
    while True:
        for command in lines.feed(os.read(0, 65536)):
            reports.send(Report("heard", {"name": command.name, "address": command.address}))
            if command.name == "stop":
                return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
