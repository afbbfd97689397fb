"""An upload on its way to the disk: never in memory, within bounds of size and time, and gone again unless it came whole."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from elitscope_service.api.problems import ProblemError, coded

BATCH = 1 << 20
SILENCE_S = 30.0
SPARE_BYTES = 256 << 20
"""Room on the disk that uploads leave alone: the store and the selections are written there too."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Received:
    """A file that came whole."""

    file: Path
    sha256: str


class Receiver:
    """Takes uploads into a folder.

    Args:
        folder: made when it is needed.
        most_bytes: of one upload.
        silence_s: without a byte for so long, the sender counts as gone.
        free: bytes that are free where a folder is.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int,
        silence_s: float = SILENCE_S,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._silence_s = silence_s
        self._free = free

    def clear_away(self) -> None:
        """Delete what a process before this one did not finish."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def receive(self, chunks: AsyncIterator[bytes], announced: int) -> Received:
        """Write what comes to a file.

        Args:
            chunks: the body.
            announced: bytes that the sender said there would be, 0 where it did not say.

        Raises:
            ProblemError: too large, too slow, empty, or no room; nothing is left behind.
        """
        try:
            await to_thread.run_sync(lambda: self._folder.mkdir(parents=True, exist_ok=True))
            self._check_room(announced)
            file = self._folder / f"{secrets.token_hex(16)}.zip"
            try:
                return Received(file, await self._write(file, chunks))
            except BaseException:
                file.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _no_room(error, self._folder) from error

    async def _write(self, file: Path, chunks: AsyncIterator[bytes]) -> str:
        digest, batch, total = hashlib.sha256(), bytearray(), 0
        with file.open("xb") as out:

            def flush() -> None:
                digest.update(batch)
                out.write(batch)
                batch.clear()

            async for chunk in self._in_time(chunks):
                total += len(chunk)
                if total > self._most_bytes:
                    raise coded("too_large", f"the body is over {self._most_bytes} bytes (limits.upload_bytes)")
                batch += chunk
                if len(batch) >= BATCH:
                    await to_thread.run_sync(flush)
                    self._check_room(0)
            await to_thread.run_sync(flush)
        if not total:
            raise coded("bundle_invalid", "the body is empty: send the bundle as a zip file")
        return digest.hexdigest()

    async def _in_time(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise coded("request_invalid", f"nothing came for {self._silence_s:g} s: send it again") from None
            yield chunk

    def _check_room(self, announced: int) -> None:
        if self._free(self._folder) < announced + SPARE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _no_room(error: OSError, folder: Path) -> ProblemError:
    if error.errno in FULL:
        return coded("disk_full", f"there is no room for it on the server's disk, in {folder.parent}: make room there, then send it again")
    return coded("disk_full", f"it can't be kept in {folder.parent} ({error.strerror}): see to that folder, then send it again")
