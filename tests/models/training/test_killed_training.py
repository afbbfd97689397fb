"""Training that is killed, really, at any step: the weights are those of a training that nobody disturbed."""

from __future__ import annotations

import contextlib
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

STEPS = 30
PATIENCE_S = 240.0
"""Starting a process with torch in it takes seconds, and on a busy computer many of them."""
pytestmark = pytest.mark.timeout(900)
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
        kill(process)
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two members trained in this process, in one go."""
    out = tmp_path_factory.mktemp("unbroken") / "g"
    threads = torch.get_num_threads()
    train_here(tiny_recipe(STEPS), 2, out)
    torch.set_num_threads(threads)
    return member_files(out)


def wait_for_step(out: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Until member 0 is saved at that step or a later one, or the training is over before anybody looked."""
    file = Workshop.beside(out).checkpoint(0)

    def reached() -> bool:
        try:
            return len(torch.load(file, weights_only=True)["state"]["losses"]) >= step
        except FileNotFoundError:
            return False

    wait_until(lambda: reached() or process.poll() is not None, PATIENCE_S)


def kill(process: subprocess.Popen[str]) -> None:
    """All of it, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):  # one that ends meanwhile
        return [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    return []


def workers_with_a_job(process: subprocess.Popen[str], count: int) -> list[psutil.Process]:
    """So many workers, once they load torch, which they do after they were told their job."""

    def ready() -> list[psutil.Process] | None:
        workers = workers_of(process)
        loaded = all(any("torch" in mapped.path for mapped in worker.memory_maps()) for worker in workers)
        return workers if len(workers) == count and loaded else None

    return wait_until(ready, PATIENCE_S)


def test_two_kills_at_random_steps_change_no_bit(tmp_path: Path, start: Start, unbroken: dict[str, bytes]) -> None:
    out = tmp_path / "g"
    first, second = sorted(random.Random(1).sample(range(1, STEPS - 3), 2))
    for step, more in ((first, ()), (second, ("--resume",))):
        process = start(out, "--steps", STEPS, *more)
        wait_for_step(out, step, process)
        kill(process)
    train_here(tiny_recipe(STEPS), 2, out, resume=True)
    assert member_files(out) == unbroken, f"killed at steps {first} and {second}"
    assert [entry.name for entry in tmp_path.iterdir()] == ["g"]


def test_two_workers_of_which_one_is_killed_and_started_again_give_the_same_bytes(
    tmp_path: Path, start: Start, unbroken: dict[str, bytes]
) -> None:
    complaint = ""
    for attempt in range(10):  # one that had done its work before it was killed proves nothing
        out = tmp_path / str(attempt) / "g"
        process = start(out, "--members", 2, "--workers", 2, "--steps", STEPS)
        wait_for_step(out, 3, process)
        for worker in workers_of(process)[:1]:
            worker.kill()
        complaint = process.communicate(timeout=PATIENCE_S)[1]
        assert process.returncode == 0
        assert member_files(out) == unbroken
        if "its worker died" in complaint:
            break
    assert "its worker died (a kill" in complaint


def test_ctrl_c_saves_every_member_and_ends_all_workers(tmp_path: Path, start: Start) -> None:
    out = tmp_path / "g"
    process = start(out, "--members", 2, "--workers", 2, "--steps", 100_000, "--every", 1e6)
    workers = workers_with_a_job(process, 2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    assert psutil.wait_procs(workers, PATIENCE_S)[1] == []
    assert all(Workshop.beside(out).checkpoint(index).exists() for index in (0, 1))


def test_workers_whose_parent_is_killed_save_their_members_and_end(tmp_path: Path, start: Start) -> None:
    process = start(tmp_path / "g", "--steps", 100_000, "--every", 1e6)
    (worker,) = workers_with_a_job(process, 1)
    process.kill()
    worker.wait(PATIENCE_S)
    assert Workshop.beside(tmp_path / "g").checkpoint(0).exists()
