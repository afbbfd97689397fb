"""The server's own key pair: one, kept, and nobody else's to read."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from elitscope_service.access.pair import FILE_NAME, PairUnusable, server_pair


def test_it_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    pair = server_pair(folder)
    assert server_pair(folder) == pair
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_several_processes_that_begin_at_once_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(server_pair, [tmp_path] * 16))) == 1


def test_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    server_pair(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(PairUnusable, match="can be read by others"):
        server_pair(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"public_key": "x", "secret_key": "y"}'])
def test_one_that_is_broken_is_named(text: str, tmp_path: Path) -> None:
    server_pair(tmp_path)
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(PairUnusable, match=r"server\.key is no key file"):
        server_pair(tmp_path)


def test_its_secret_is_in_no_repr(tmp_path: Path) -> None:
    pair = server_pair(tmp_path)
    assert pair.secret_key not in repr(pair)
