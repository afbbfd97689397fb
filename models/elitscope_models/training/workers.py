"""Members in processes of their own: as many at once as there are cores for, or one a GPU.

Each worker has one job and one end of a pipe. Steps come back through it; what the member becomes goes to disk. When the pipe's other end
is gone, because somebody stopped the training or killed it, a worker saves its member and ends. When a worker is gone, its job is given
out again and goes on from its checkpoint.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from elitscope_models.training.fit import Paused, Step
from elitscope_models.training.interrupts import deaf_to_interrupts, ignore_interrupts
from elitscope_models.training.member import Job, train_member

PATIENCE_S = 120.0
"""How long workers may take to finish their step and save it when all is to stop."""
_REPORT_EVERY_S = 0.1


@dataclass(frozen=True)
class Finished:
    """A worker's last word."""


@dataclass(frozen=True)
class Failed:
    """A worker's last word where starting it again would not help."""

    reason: str


Said = Step | Finished | Failed


@dataclass
class _Worker:
    job: Job
    gpu: str | None
    process: BaseProcess
    last: Said | None = None


@dataclass
class Processes:
    """Runs jobs in spawned processes.

    `gpus`: one entry a worker: the GPU that it sees (as in CUDA_VISIBLE_DEVICES), or None for a worker on the CPU. `restarts`: how often
    a member is started again after its worker died. `note`: takes a line for whoever watches.
    """

    gpus: Sequence[str | None]
    note: Callable[[str], None]
    restarts: int = 2
    _free: deque[str | None] = field(init=False, repr=False)
    _running: dict[Connection, _Worker] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._free = deque(self.gpus)

    def run(self, jobs: Sequence[Job], report: Callable[[int, Step], None], done: Callable[[int], None]) -> dict[int, str]:
        """As `Crew` has it. Ctrl-C stops all workers, their members saved."""
        waiting = deque(jobs)
        left = {job.index: self.restarts for job in jobs}
        failures: dict[int, str] = {}
        try:
            while waiting or self._running:
                while waiting and self._free:
                    self._start(waiting.popleft())
                for connection in wait(list(self._running)):
                    assert isinstance(connection, Connection)
                    worker = self._running[connection]
                    if _hear(connection, worker):
                        if isinstance(worker.last, Step):
                            report(worker.job.index, worker.last)
                        continue
                    self._end(connection)
                    index = worker.job.index
                    if isinstance(worker.last, Finished):
                        done(index)
                    elif isinstance(worker.last, Failed):
                        failures[index] = worker.last.reason
                    elif left[index] > 0:
                        left[index] -= 1
                        waiting.appendleft(worker.job)
                        self.note(f"member {index}: its worker died ({_cause(worker.process)}); started again from its last checkpoint")
                    else:
                        failures[index] = f"its worker died {self.restarts + 1} times, last of {_cause(worker.process)}"
        finally:
            self._stop()
        return failures

    def _start(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        gpu = self._free.popleft()
        process = context.Process(target=_work, args=(job, theirs, gpu), name=f"member-{job.index}", daemon=True)
        with deaf_to_interrupts():
            process.start()
        theirs.close()  # else a worker's end would go unnoticed
        self._running[ours] = _Worker(job, gpu, process)

    def _end(self, connection: Connection) -> None:
        worker = self._running.pop(connection)
        connection.close()
        worker.process.join()
        self._free.append(worker.gpu)

    def _stop(self) -> None:
        """Let go of all workers, which then save their members, and wait for them."""
        workers = list(self._running.values())
        for connection in self._running:
            connection.close()
        self._running.clear()
        deadline = time.monotonic() + PATIENCE_S
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _hear(connection: Connection, worker: _Worker) -> bool:
    """Take the worker's next word; False when there is none to come."""
    try:
        worker.last = connection.recv()
    except (EOFError, OSError):
        return False
    return True


def _cause(process: BaseProcess) -> str:
    code = process.exitcode
    if code == -9:
        return "a kill, as by a system out of memory"
    return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"


class _Line:
    """The worker's end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0.0
        self._gone = False

    def gone(self) -> bool:
        """Nothing is ever sent to a worker: what can be read is the pipe's end."""
        return self._gone or self._connection.poll()

    def report(self, step: Step) -> None:
        if time.monotonic() >= self._next or step.index == step.steps:
            self._next = time.monotonic() + _REPORT_EVERY_S
            self.say(step)

    def say(self, word: Said) -> None:
        try:
            self._connection.send(word)
        except OSError:
            self._gone = True


def _work(job: Job, connection: Connection, gpu: str | None) -> None:
    """A worker's life."""
    ignore_interrupts()
    os.environ["CUDA_VISIBLE_DEVICES"] = "" if gpu is None else gpu
    line = _Line(connection)
    if (word := attempt(job, line.report, line.gone)) is not None:
        line.say(word)


def attempt(job: Job, report: Callable[[Step], None], gone: Callable[[], bool]) -> Finished | Failed | None:
    """Train a member as `train_member` does; what to say of it, None where it was stopped.

    Raises:
        MemoryError: starting it again may help.
    """
    try:
        train_member(job, report, gone)
    except Paused:
        return None
    except (MemoryError, torch.OutOfMemoryError):
        raise  # there may be more of it next time
    except Exception as error:  # noqa: BLE001  whatever it is, it would be the same next time
        return Failed(f"{error} ({_where(error)})")
    return Finished()


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}, {Path(last.filename).name}, line {last.lineno}"
