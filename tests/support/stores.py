"""Real stores for tests: the embedded Valkey as the server starts it, and Debian's redis-server. The same tests run against both."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

from elitscope_service.store.connect import open_store
from elitscope_service.store.embedded import embedded_command, embedded_url, socket_path, store_folder
from tests.support.server import wait_until

KINDS = ("embedded", "redis")


class StoreServer:
    """A store in a process of its own, on a Unix socket; ends with the `with` block.

    `settings` go to redis-server alone, over its defaults here: append-only, every write synced.
    """

    def __init__(self, kind: str, folder: Path, **settings: str) -> None:
        self._data_dir = folder
        store_folder(folder).mkdir(parents=True, exist_ok=True)
        socket_path(folder).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.url = embedded_url(folder)
        self._command = embedded_command(folder)
        if kind == "redis":
            program = shutil.which("redis-server")
            if program is None:
                pytest.skip("redis-server is not installed: apt-get install redis-server")
            self._command = [program, *self._command[1:], *(word for name, value in settings.items() for word in (f"--{name}", value))]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> StoreServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._answers)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def client(self) -> Any:
        """A client of it; close it."""
        return open_store(self.url)

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        finally:
            client.close()
