"""How the server's processes talk to the parent that started them: JSON lines in on stdin, JSON lines out on an inherited pipe.

The first line in is the configuration, the others are commands; the end of stdin means that the parent is gone, and so must the child be.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Report:
    """From child to parent. `kind`: "bound" (sockets are open), "ready" (it can be used) or "failed" (it can't, `message` says why)."""

    kind: str
    addresses: Mapping[str, str] = field(default_factory=dict)
    message: str = ""

    def line(self) -> bytes:
        """As it travels.

        >>> Report("ready", {"http": "127.0.0.1:8000"}).line()
        b'{"kind": "ready", "addresses": {"http": "127.0.0.1:8000"}, "message": ""}\\n'
        """
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Report:
        """From a line."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class Command:
    """From parent to child. `name`: "stop" (within `seconds`), or "watch" (the engine publishes at `address`)."""

    name: str
    seconds: float = 0.0
    address: str = ""

    def line(self) -> bytes:
        """As it travels."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Command:
        """From a line."""
        return cls(**json.loads(line))


class ReportPipe:
    """The child's end of the pipe that it reports on."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, report: Report) -> None:
        """Report; a parent that is gone is no error here, the end of stdin tells."""
        try:
            os.write(self._fd, report.line())
        except (BrokenPipeError, OSError):
            return


class CommandLines:
    """Takes the bytes that come on stdin apart into commands."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Command]:
        """The commands that are complete now. No data at all is the end of stdin: stop at once.

        >>> lines = CommandLines()
        >>> lines.feed(b'{"name": "st'), lines.feed(b'op"}\\n'), lines.feed(b"")
        ([], [Command(name='stop', seconds=0.0, address='')], [Command(name='stop', seconds=0.0, address='')])
        """
        if not data:
            return [Command("stop")]
        *complete, self._rest = (self._rest + data).split(b"\n")
        return [Command.parse(line) for line in complete]


def read_first_line() -> bytes:
    """The first line on stdin, read byte by byte so that nothing after it is swallowed.

    Raises:
        EOFError: stdin ended before.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise EOFError("stdin ended before the configuration came: this process is started by elitscope-server")
        line += byte
    return bytes(line)


def become_child(parent: int) -> None:
    """Never outlive the parent, and leave Ctrl-C to it.

    The kernel's signal is tied to the *thread* that started us, which in the parent is the main thread, since that lives as long as the
    process. Where the system has no such signal, the end of stdin has to do.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def arguments(argv: list[str]) -> tuple[int, int]:
    """Report pipe and parent's process id from a child's command line, `FD PID`."""
    fd, parent = argv
    return int(fd), int(parent)
