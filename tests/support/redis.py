"""A real `redis-server`, on a socket in a folder of the test's own, that can be stopped, killed and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from tests.support.server import wait_until

STOP_S = 60


class RedisServer:
    """Keeps every write (append-only, synced); its data stay over a restart. Skips the test where the program is missing."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        # a socket's path may have 107 bytes, and a test's folder is longer
        self._short = tempfile.TemporaryDirectory(prefix="elitscope-redis-")
        socket = Path(self._short.name) / "redis.sock"
        self.url = f"unix://{quote(str(socket))}"
        self._command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)
        self._short.cleanup()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self._end(signal.SIGTERM)
        self.start()

    def kill_and_start(self) -> None:
        """SIGKILL, and start it again."""
        self._end(signal.SIGKILL)
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(STOP_S)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as store:
                return bool(store.ping())
        except redis.RedisError:
            return False
