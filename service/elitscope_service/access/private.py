"""Files that their owner alone may read, written in one step: whoever looks finds all of it or nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_private(path: Path, data: bytes) -> None:
    """Put the file in place of what was there.

    Raises:
        OSError: the folder can't be made or written to.
    """
    with _written(path, data) as part:
        part.replace(path)


def create_private(path: Path, data: bytes) -> None:
    """Put the file where there is none.

    Raises:
        FileExistsError: somebody was faster. OSError: the folder can't be made or written to.
    """
    with _written(path, data) as part:
        os.link(part, path)


@contextmanager
def _written(path: Path, data: bytes) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)
