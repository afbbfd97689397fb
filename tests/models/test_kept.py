from __future__ import annotations

import os
from pathlib import Path

from elitscope_models.runtimes.kept import Kept


def test_what_was_put_is_got_again_and_nothing_else(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "new")
    assert kept.get("a") is None
    kept.put("a", b"graph")
    assert kept.get("a") == b"graph"
    assert kept.get("b") is None
    kept.put("a", b"another")
    assert kept.get("a") == b"another"
    assert len(list((tmp_path / "new").iterdir())) == 1, "nothing half written is left"


def test_those_that_were_used_longest_ago_go_first(tmp_path: Path) -> None:
    kept = Kept(tmp_path, most=2)
    for age, key in enumerate("abc"):
        kept.put(key, key.encode())
        for file in tmp_path.iterdir():
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9 * (age + 1)))
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (None, b"b", b"c")


def test_a_damaged_file_is_no_file_and_a_folder_that_can_not_be_written_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put("a", b"graph")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert kept.get("a") is None
    taken = tmp_path / "file"
    taken.write_bytes(b"")
    Kept(taken).put("a", b"graph")
    assert Kept(taken).get("a") is None
