"""Uploads on their way to the disk: whole and hashed, or gone."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from elitscope_service.api.problems import ProblemError
from elitscope_service.api.receiving import SPARE_BYTES, Received, Receiver

MIB = 1 << 20


async def body(*chunks: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then is not None:
        raise then


async def silence() -> AsyncIterator[bytes]:
    yield b"x"
    await asyncio.Event().wait()


def receive(receiver: Receiver, chunks: AsyncIterator[bytes], announced: int = 0) -> Received:
    return asyncio.run(receiver.receive(chunks, announced))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_comes_whole_is_kept_and_hashed(tmp_path: Path) -> None:
    chunks = [bytes([i]) * (MIB // 3) for i in range(8)]
    received = receive(Receiver(tmp_path / "in", 4 * MIB), body(*chunks))
    assert received.file.read_bytes() == b"".join(chunks)
    assert received.sha256 == hashlib.sha256(b"".join(chunks)).hexdigest()
    assert files(tmp_path) == [received.file]


@pytest.mark.parametrize(
    ("chunks", "code", "words"),
    [
        pytest.param(body, "bundle_invalid", "empty", id="empty"),
        pytest.param(lambda: body(bytes(MIB), bytes(MIB), b"x"), "too_large", "over 2097152 bytes", id="too large"),
        pytest.param(silence, "request_invalid", "nothing came for 0.1 s", id="silent"),
        pytest.param(lambda: body(b"x", then=OSError(errno.ENOSPC, "full")), "disk_full", "no room", id="full"),
        pytest.param(lambda: body(b"x", then=OSError(errno.EROFS, "Read-only")), "disk_full", "Read-only", id="not writable"),
    ],
)
def test_what_does_not_come_whole_leaves_nothing_behind(
    tmp_path: Path, chunks: Callable[[], AsyncIterator[bytes]], code: str, words: str
) -> None:
    with pytest.raises(ProblemError) as refused:
        receive(Receiver(tmp_path / "in", 2 * MIB, silence_s=0.1), chunks())
    assert (refused.value.code, words in refused.value.detail) == (code, True)
    assert files(tmp_path) == []


def test_a_sender_who_hangs_up_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ClientDisconnect):
        receive(Receiver(tmp_path / "in", MIB), body(b"x", then=ClientDisconnect()))
    assert files(tmp_path) == []


@pytest.mark.parametrize(("announced", "free"), [(10 * MIB, SPARE_BYTES + 10 * MIB - 1), (0, SPARE_BYTES - 1)])
def test_room_that_others_need_is_left_alone(tmp_path: Path, announced: int, free: int) -> None:
    with pytest.raises(ProblemError, match="no room for it on the server's disk") as refused:
        receive(Receiver(tmp_path / "in", 100 * MIB, free=lambda folder: free), body(b"x"), announced)
    assert refused.value.status == 507
    assert files(tmp_path) == []


def test_a_disk_that_fills_up_in_between_ends_it(tmp_path: Path) -> None:
    left = iter([SPARE_BYTES + MIB, SPARE_BYTES, 0, 0])
    with pytest.raises(ProblemError, match="no room"):
        receive(Receiver(tmp_path / "in", 100 * MIB, free=lambda folder: next(left)), body(*[bytes(MIB)] * 4))
    assert files(tmp_path) == []


def test_what_an_earlier_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "half.zip").write_bytes(b"x")
    Receiver(tmp_path / "in", MIB).clear_away()
    assert files(tmp_path) == []
