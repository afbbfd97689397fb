"""Members as tasks of a Ray cluster, each on a GPU of its own where there are any.

What a member is made of, its checkpoint, and what it becomes lie in the training's folder, which therefore has to be one that all nodes
share. A task whose worker or node is lost is given out again, wherever there is room, and goes on from the checkpoint: it costs the time
since that was written. Steps come back through an actor, and through it a task learns that all is to stop.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from elitscope_models.training.fit import Step
from elitscope_models.training.member import Job
from elitscope_models.training.record import software
from elitscope_models.training.workers import PATIENCE_S, Failed, Finished, attempt

HERE = "local"
"""The address of a Ray that is started on this machine and ends with the training."""
_EVERY_S = 0.5
"""Seconds between looks at how far the tasks are."""
_KNOCK_S = 5.0


class RayMissing(ValueError):
    """Ray is not installed, or no cluster answers; the text says what to do."""


@dataclass(frozen=True)
class Cluster:
    """A connected Ray. `ray`: the module; `gpus`: how many it has in all."""

    ray: Any
    gpus: int


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A Ray cluster, by the address that `ray.init` takes: `auto`, HOST:PORT, `ray://HOST:PORT`, or `local` to start one here.

    Raises:
        RayMissing: there is none.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray
    except ImportError as error:
        raise RayMissing(f"--ray needs Ray, which is not installed ({error}): pip install 'elitscope-service[ray]'") from error
    options = {"include_dashboard": False} if address == HERE else {}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="error", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise RayMissing(f"no Ray cluster answers at {address!r} ({error}): start one (ray start --head), or say --ray {HERE}") from error
    try:
        yield Cluster(ray, int(ray.cluster_resources().get("GPU", 0)))
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens where a host and a port are named: Ray itself would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), _KNOCK_S).close()


@dataclass(frozen=True)
class RayTasks:
    """Runs jobs on a cluster, as `Crew` has it.

    `note`: takes a line for whoever watches; `at_once`: tasks at a time, None for as many as the cluster has room for; `restarts`: how
    often a member is started again after its worker was lost.
    """

    cluster: Cluster
    note: Callable[[str], None]
    at_once: int | None = None
    restarts: int = 2

    def run(self, jobs: Sequence[Job], report: Callable[[int, Step], None], done: Callable[[int], None]) -> dict[int, str]:
        """As `Crew` has it. Ctrl-C stops all tasks, their members saved."""
        ray = self.cluster.ray
        board = ray.remote(Board).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
        waiting, running = deque(jobs), dict[Any, Job]()
        left, failures = {job.index: self.restarts for job in jobs}, dict[int, str]()
        try:
            while waiting or running:
                while waiting and (self.at_once is None or len(running) < self.at_once):
                    job = waiting.popleft()
                    running[self._start(job, board)] = job
                ended, _ = ray.wait(list(running), timeout=_EVERY_S)
                for index, step in ray.get(board.take.remote()):
                    report(index, step)
                for task in ended:
                    job = running.pop(task)
                    word = self._word(task)
                    if isinstance(word, Finished):
                        done(job.index)
                    elif isinstance(word, Failed):
                        failures[job.index] = word.reason
                    elif left[job.index] > 0:
                        left[job.index] -= 1
                        waiting.appendleft(job)
                        self.note(f"member {job.index}: its worker was lost ({word}); started again from its last checkpoint")
                    else:
                        failures[job.index] = f"its worker was lost {self.restarts + 1} times, last of {word}"
        finally:
            self._stop(board, list(running))
        return failures

    def _start(self, job: Job, board: Any) -> Any:
        needs = {"num_cpus": job.recipe.schedule.threads, "num_gpus": 0 if job.device == "cpu" else 1}
        task = self.cluster.ray.remote(train_remotely).options(**needs, max_retries=0, name=f"member-{job.index}")
        return task.remote(job, board, software())

    def _word(self, task: Any) -> Finished | Failed | str:
        """A task's last word, or what became of it in words."""
        ray = self.cluster.ray
        try:
            word: Finished | Failed | None = ray.get(task)
        except ray.exceptions.RayError as error:  # whatever it is: the worker, its node, or their memory
            return type(error).__name__
        return word or "stopped"

    def _stop(self, board: Any, running: list[Any]) -> None:
        """Let all tasks save their members, and wait for them."""
        ray = self.cluster.ray
        if running:
            board.stop.remote()
            _, deaf = ray.wait(running, num_returns=len(running), timeout=PATIENCE_S)
            for task in deaf:
                ray.cancel(task, force=True)
        ray.kill(board)


class Board:
    """What tasks say, until somebody takes it; and whether they are to stop."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, Step]] = []
        self._stopped = False

    def hear(self, index: int, step: Step) -> bool:
        """Note a member's step; True: save it and end."""
        self._steps.append((index, step))
        return self._stopped

    def take(self) -> list[tuple[int, Step]]:
        """What was noted since the last time."""
        steps, self._steps = self._steps, []
        return steps

    def stop(self) -> None:
        self._stopped = True


def train_remotely(job: Job, board: Any, asked: dict[str, str]) -> Finished | Failed | None:
    """A task's life: `train_member` where the folder and the software are those of whoever asked; None where it was stopped."""
    import ray

    node = ray.util.get_node_ip_address()
    if not job.folder.is_dir():
        return Failed(f"{job.folder} is not there on node {node}: the bundle has to be written to a folder that all nodes share")
    if (own := software()) != asked:
        return Failed(f"node {node} has other software, {own}, and would give other weights: asked for {asked}")
    line = _Line(ray, board, job.index)
    return attempt(job, line.report, line.gone)


class _Line:
    """The task's way to the board: it speaks now and then, and never waits for an answer."""

    def __init__(self, ray: Any, board: Any, index: int) -> None:
        self._ray, self._board, self._index = ray, board, index
        self._answer: Any = None
        self._gone = False

    def report(self, step: Step) -> None:
        if self._answer is not None:  # a board that is slow misses a step
            if not self._ray.wait([self._answer], timeout=0)[0]:
                return
            self._gone = bool(self._ray.get(self._answer))
        self._answer = self._board.hear.remote(self._index, step)

    def gone(self) -> bool:
        return self._gone
