"""One member from start to end, wherever it runs: in a process of this machine, or some day on another.

A job is plain values and a folder; what comes of it lies in that folder. So a job that died is simply given out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from elitscope_models.training.baseline import weights_of
from elitscope_models.training.checkpoint import Checkpoint
from elitscope_models.training.export import compare, export
from elitscope_models.training.fit import Fitted, Step, fit
from elitscope_models.training.processor import processor
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.workshop import Workshop


@dataclass(frozen=True)
class Job:
    """What a worker needs to know. `identity`: digest of what is trained; `every_s`: seconds between checkpoints."""

    index: int
    recipe: Recipe
    seed: int
    folder: Path
    identity: str
    device: str = "cpu"
    every_s: float = 30.0


class Crew(Protocol):
    """Whoever does the jobs."""

    def run(self, jobs: Sequence[Job], report: Callable[[int, Step], None], done: Callable[[int], None]) -> dict[int, str]:
        """Do all jobs, each member's steps to `report` (by index), its end to `done`; reasons by the index of each that failed."""
        ...


def train_member(job: Job, report: Callable[[Step], None], pause: Callable[[], bool] = lambda: False) -> None:
    """Train a member, from its checkpoint if there is one, and leave it in the job's folder.

    Raises:
        Paused: `pause` asked for it.
        ValueError: its checkpoint or baseline doesn't fit.
    """
    workshop = Workshop(job.folder)
    training, test = workshop.frames().split(job.recipe.test_fraction)
    baseline = workshop.baseline()
    start = None if baseline is None else weights_of(baseline, job.recipe.network)
    checkpoint = Checkpoint(workshop.checkpoint(job.index), job.identity, job.every_s)
    with processor(job.recipe.schedule.threads, job.device):
        fitted = fit(job.recipe, training, test, job.seed, report, start, checkpoint, pause, job.device)
        onnx = export(fitted.network, half=True)
    workshop.finish(job.index, onnx, _metrics(fitted) | {"export_error": round(compare(fitted.network, onnx), 6)})


def _metrics(fitted: Fitted) -> dict[str, float]:
    tail = fitted.losses[-50:]
    return {"iou": round(fitted.test_iou, 5), "loss": round(sum(tail) / len(tail), 5), "steps": len(fitted.losses)}
