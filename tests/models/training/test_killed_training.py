"""Training that is killed, really, at any step: the weights are those of a training that nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch

from elitscope_models.training.workshop import Workshop
from tests.support.server import wait_until
from tests.support.training import member_files, tiny_recipe, train_here

STEPS = 40
REPOSITORY = Path(__file__).parents[3]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the training program in a session, and so a process group, of its own; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.training", *map(str, arguments)]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=REPOSITORY, text=True, start_new_session=True, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two members trained in this process, in one go."""
    out = tmp_path_factory.mktemp("unbroken") / "g"
    threads = torch.get_num_threads()
    train_here(tiny_recipe(STEPS), 2, out)
    torch.set_num_threads(threads)
    return member_files(out)


def steps_saved(out: Path, index: int) -> int:
    """Steps in the checkpoint of a member; all of them once it is done, none before the first checkpoint."""
    workshop = Workshop.beside(out)
    if not workshop.folder.exists() or workshop.finished(index) is not None:
        return STEPS if out.exists() else 0
    try:
        content = torch.load(workshop.checkpoint(index), weights_only=True)
    except FileNotFoundError:
        return 0
    return len(content["state"]["losses"])


def wait_for_step(out: Path, index: int, step: int) -> None:
    wait_until(lambda: steps_saved(out, index) >= step, 60.0)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def test_two_kills_at_random_steps_change_no_bit(tmp_path: Path, start: Start, unbroken: dict[str, bytes]) -> None:
    out = tmp_path / "g"
    first, second = sorted(random.sample(range(1, STEPS - 10), 2))
    process = start(out, "--members", 2, "--workers", 2, "--steps", STEPS)
    wait_for_step(out, 0, first)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    process = start(out, "--members", 2, "--workers", 2, "--steps", STEPS, "--resume")
    wait_for_step(out, 1, second)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    process = start(out, "--members", 2, "--workers", 1, "--steps", STEPS, "--resume")
    assert process.wait(120) == 0, f"killed at {first} and {second}: {process.communicate()[1]}"
    assert member_files(out) == unbroken, f"killed at steps {first} and {second}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["g"]


def test_a_worker_that_is_killed_is_started_again_where_it_was(tmp_path: Path, start: Start, unbroken: dict[str, bytes]) -> None:
    out = tmp_path / "g"
    process = start(out, "--members", 1, "--steps", STEPS)
    wait_for_step(out, 0, 3)
    (worker,) = workers_of(process)
    worker.kill()
    assert process.wait(120) == 0
    assert "its worker died (a kill" in process.communicate()[1]
    assert member_files(out)["member-00.onnx"] == unbroken["member-00.onnx"]


def test_ctrl_c_saves_every_member_and_ends_all_workers(tmp_path: Path, start: Start) -> None:
    out = tmp_path / "g"
    process = start(out, "--members", 2, "--workers", 2, "--steps", STEPS, "--every", 1e6)
    wait_until(lambda: len(workers_of(process)) == 2, 60.0)
    workers = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert not any(worker.is_running() for worker in workers)
    assert steps_saved(out, 0) > 0
    assert steps_saved(out, 1) > 0


def test_workers_whose_parent_is_killed_save_their_members_and_end(tmp_path: Path, start: Start) -> None:
    out = tmp_path / "g"
    process = start(out, "--steps", 100_000, "--every", 0.2)
    wait_for_step(out, 0, 1)
    (worker,) = workers_of(process)
    process.kill()
    worker.wait(60)
    assert steps_saved(out, 0) > 0
