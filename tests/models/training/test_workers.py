"""A crew of processes: what they say, what they do not, and how often one is started again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from elitscope_models.training.fit import Step
from elitscope_models.training.frames import write_frames
from elitscope_models.training.member import Job
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.workers import Processes
from elitscope_models.training.workshop import Workshop


@pytest.fixture
def job(tiny: Recipe, tmp_path: Path) -> Job:
    workshop = Workshop(tmp_path)
    write_frames(workshop.frames_file, tiny, 5, 1, lambda more: None)
    recipe = replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=1, recount=1))
    return Job(0, recipe, 5000, tmp_path, "this")


def test_one_worker_does_all_jobs_and_what_fails_says_why(job: Job, tmp_path: Path) -> None:
    (tmp_path / "member-01.ckpt").write_bytes(b"nonsense")
    steps: list[tuple[int, Step]] = []
    done: list[int] = []
    failures = Processes((None,), pytest.fail).run(
        [replace(job, index=1), job], lambda index, step: steps.append((index, step)), done.append
    )
    assert done == [0]
    assert steps[-1][0] == 0
    assert steps[-1][1].index == 3
    assert list(failures) == [1]
    assert "member-01.ckpt can't be read" in failures[1]


def test_a_worker_that_always_dies_is_given_up_in_the_end(job: Job) -> None:
    notes: list[str] = []
    crew = Processes((None,), notes.append, restarts=1)
    # what a job is made of goes to the worker as it is; this one ends the process that takes it up
    failures = crew.run([replace(job, folder=Deadly())], lambda index, step: None, pytest.fail)  # type: ignore[arg-type]
    assert failures == {0: "its worker died 2 times, last of exit status 3"}
    assert len(notes) == 1
    assert "started again from its last checkpoint" in notes[0]


class Deadly:
    def __reduce__(self) -> tuple[object, tuple[int]]:
        import os

        return os._exit, (3,)
