"""Files that are there completely or not at all, whatever is killed while writing them."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path`: into a file beside it, onto the disk, and only then under its name."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    publish(beside, path)


def publish(beside: Path, path: Path) -> None:
    """Rename a complete file in the same folder over `path`, and see that the folder remembers it."""
    beside.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
