"""A whole server (parent, engine, API) in processes of its own, on free loopback ports."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds given to what takes milliseconds on a machine that has nothing else to do: then it is lost, not late."""


class RunningServer:
    """`elitscope-server`, started; addresses from its `ready` line. Ends with the `with` block."""

    def __init__(
        self,
        *arguments: object,
        data_dir: Path,
        env: dict[str, str] | None = None,
        bind: str = "tcp://127.0.0.1:0",
        publish: str = "tcp://127.0.0.1:0",
        http: str = "127.0.0.1:0",
    ) -> None:
        command = [Path(sys.executable).parent / "elitscope-server", *arguments, "--data-dir", data_dir]
        command += ["--bind", bind, "--publish", publish, "--http", http]
        self.log = data_dir / "server.log"
        data_dir.mkdir(parents=True, exist_ok=True)
        self._log_file = self.log.open("w")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ELITSCOPE_")} | (env or {})
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.server = self.publish = self.http = ""

    def __enter__(self) -> RunningServer:
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            self.__exit__()
            raise AssertionError(f"the server did not get ready in {PATIENCE:g} s:\n{self.log.read_text()[-4000:]}") from None
        word, self.server, self.publish, self.http = line.split()
        assert word == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(PATIENCE)
            self._reader.join()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self._log_file.close()

    def stop(self) -> int:
        """SIGTERM, and the exit status that follows."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def child(self, name: str) -> psutil.Process:
        """The server's process that runs module `elitscope_service.<name>`."""
        (found,) = [c for c in psutil.Process(self.process.pid).children() if f"elitscope_service.{name}" in " ".join(c.cmdline())]
        return found

    def wait_for_child(self, name: str, other_than: int) -> psutil.Process:
        """The process that took the place of the one with id `other_than`."""
        return wait_until(lambda: next((c for c in [self._child_or_none(name)] if c is not None and c.pid != other_than), None))

    def _child_or_none(self, name: str) -> psutil.Process | None:
        try:
            return self.child(name)
        except (ValueError, psutil.NoSuchProcess):
            return None

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())


def wait_until(condition: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first truthy value of `condition`, asked for at most `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not so within {patience:g} s: {condition}")
