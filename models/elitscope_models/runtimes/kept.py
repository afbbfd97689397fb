"""Compiled graphs on disk: by content, whole or not at all, and no more of them than were agreed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

MOST = 16
_SUM = 32


@dataclass(frozen=True)
class Kept:
    """A folder of graphs. `most`: how many stay; those that were used longest ago go first.

    What can't be written is not kept, what can't be read is not there: whoever asks compiles anew.
    """

    folder: Path
    most: int = MOST

    def get(self, key: str) -> bytes | None:
        """What was put under this key, if it is all there."""
        file = self._file(key)
        try:
            data = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        found, content = data[:_SUM], data[_SUM:]
        return content if hashlib.sha256(content).digest() == found else None

    def put(self, key: str, content: bytes) -> None:
        """Keep it, and let go of what is too much."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(hashlib.sha256(content).digest() + content)
                Path(name).replace(self._file(key))
            finally:
                Path(name).unlink(missing_ok=True)
            self._let_go()

    def _let_go(self) -> None:
        newest_first = sorted(self.folder.glob("*.graph"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in newest_first[self.most :]:
            file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.graph"
