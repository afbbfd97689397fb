"""Members on a real Ray of this machine: the weights of a local run, and a killed worker that costs no more than since its checkpoint."""

from __future__ import annotations

import contextlib
import gc
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from elitscope_models.training.ensemble import train_ensemble
from elitscope_models.training.fit import Step
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.ray_tasks import HERE, Cluster, RayMissing, RayTasks, connected
from tests.support.training import member_files, tiny_recipe, train_here

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'elitscope-service[ray]'")
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("default")]  # what Ray itself warns of is not ours to mend
STEPS, KILLED_AT = 30, 9


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    before = signal.getsignal(signal.SIGTERM)
    with connected(HERE) as cluster:
        yield cluster
    signal.signal(signal.SIGTERM, before)
    gc.collect()  # what Ray leaves behind is not to be found by the tests that follow


class Watched(TrainingProgress):
    """Remembers which steps it was told of, and kills the worker of member 0 after one of them."""

    def __init__(self, members: int) -> None:
        super().__init__(members, Console(file=StringIO()))
        self.notes: list[str] = []
        self.killed_at = 0
        self.seen: list[int] = []
        self.after: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, index: int, step: Step) -> None:
        if index != 0:
            return
        self.seen.append(step.index)
        if self.killed_at:
            self.after.append(step.index)
        elif step.index >= KILLED_AT:
            for worker in workers_of("member-0"):
                self.killed_at = step.index
                worker.kill()


def workers_of(task: str) -> list[psutil.Process]:
    """The process that Ray runs a task in, which is called after the task; none where it is done already."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            found += [child] if task in child.name() or task in " ".join(child.cmdline()) else []
    return found


def test_a_killed_worker_costs_at_most_the_time_since_its_checkpoint_and_changes_no_weight(cluster: Cluster, tmp_path: Path) -> None:
    recipe = tiny_recipe(STEPS)
    train_here(recipe, 2, tmp_path / "local")
    for attempt in range(10):  # one that had done its work before it was killed proves nothing
        progress, remote = Watched(2), tmp_path / str(attempt) / "remote"
        train_ensemble(recipe, 2, remote, 5, "3", progress, RayTasks(cluster, progress.note), every_s=0.0)
        assert member_files(remote) == member_files(tmp_path / "local")
        if any("its worker was lost" in note for note in progress.notes):
            break
    assert [note for note in progress.notes if "its worker was lost" in note]
    assert progress.killed_at >= KILLED_AT
    assert all(index >= progress.killed_at for index in progress.after)  # a checkpoint a step: only the one under way is done again
    assert len(progress.seen) <= STEPS + 1


def test_what_would_fail_again_is_told_and_not_tried_again(cluster: Cluster, tmp_path: Path) -> None:
    from elitscope_models.training.member import Job

    notes: list[str] = []
    job = Job(0, tiny_recipe(3), 5, tmp_path / "elsewhere", "this")
    failures = RayTasks(cluster, notes.append).run([job], lambda index, step: None, pytest.fail)
    assert "all nodes share" in failures[0]
    assert not notes


@pytest.mark.parametrize("address", ["localhost:1", "ray://localhost:1"])
def test_where_no_cluster_answers_is_said(address: str) -> None:
    with pytest.raises(RayMissing, match=r"no Ray cluster answers at .*refused"), connected(address):
        pass
