"""A checkpoint is there completely or not at all, and nothing but data."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from elitscope_models.training.checkpoint import Checkpoint, CheckpointInvalid


def checkpoint(folder: Path, identity: str = "this", every_s: float = 10.0, times: list[float] | None = None) -> Checkpoint:
    waiting = iter(times or [0.0] * 9)
    return Checkpoint(folder / "member-00.ckpt", identity, every_s, lambda: next(waiting))


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    assert checkpoint(tmp_path).load() is None
    checkpoint(tmp_path).save({"weights": torch.arange(3.0), "losses": [0.1, 0.2], "best": float("inf")})
    found = checkpoint(tmp_path).load()
    assert found is not None
    assert torch.equal(found["weights"], torch.arange(3.0))
    assert (found["losses"], found["best"]) == ([0.1, 0.2], float("inf"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["member-00.ckpt"]


def test_it_is_due_when_its_time_has_passed_since_the_last(tmp_path: Path) -> None:
    saved = checkpoint(tmp_path, times=[100.0, 109.9, 110.0, 110.5, 120.4, 120.5])
    assert [saved.due(), saved.due()] == [False, True]
    saved.save({})
    assert [saved.due(), saved.due()] == [False, True]


def test_that_of_another_training_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path).save({})
    with pytest.raises(CheckpointInvalid, match="another training"):
        checkpoint(tmp_path, "other").load()


def test_half_a_file_is_refused_in_words(tmp_path: Path) -> None:
    checkpoint(tmp_path).save({"weights": torch.zeros(1000)})
    file = tmp_path / "member-00.ckpt"
    for part in (b"", b"nonsense", file.read_bytes()[:2000]):
        file.write_bytes(part)
        with pytest.raises(CheckpointInvalid, match="remove it"):
            checkpoint(tmp_path).load()


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_nothing_in_it_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"format": 1, "identity": "this", "state": Trap()}, tmp_path / "member-00.ckpt")
    with pytest.raises(CheckpointInvalid):
        checkpoint(tmp_path).load()
    (tmp_path / "member-00.ckpt").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(CheckpointInvalid):
        checkpoint(tmp_path).load()
    assert "run" not in capsys.readouterr().out
