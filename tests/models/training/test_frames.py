"""Frames on disk: whoever simulates them, they are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elitscope_models.training.data import simulate
from elitscope_models.training.frames import write_frames
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.workshop import Workshop


def test_two_processes_draw_what_one_draws(tiny: Recipe, tmp_path: Path) -> None:
    many = replace(tiny, frames=36)
    for workers in (1, 2):
        drawn: list[int] = []
        write_frames(tmp_path / f"{workers}.npy", many, 3, workers, drawn.append)
        assert sum(drawn) == 36
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "2.npy").read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["1.npy", "2.npy"]


def test_they_come_back_as_they_were_simulated(tiny: Recipe, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    write_frames(workshop.frames_file, tiny, 3, 1, lambda more: None)
    found = workshop.frames().layers
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, simulate(tiny, tiny.frames, 3).layers)


def test_frames_half_done_are_not_taken_for_all(tiny: Recipe, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(more: int) -> None:
        raise Stopped

    (tmp_path / ".frames.npy.4711").write_bytes(b"of one that was killed")
    with pytest.raises(Stopped):
        write_frames(tmp_path / "frames.npy", tiny, 3, 1, stop)
    assert not list(tmp_path.iterdir())
