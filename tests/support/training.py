"""Training at a size for tests: in this process, or as a program that can be killed.

python -m tests.support.training OUT [--members N] [--workers N] [--steps N] [--resume] [--every S]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from elitscope_models.bundle import Bundle
from elitscope_models.training.baseline import Baseline
from elitscope_models.training.ensemble import train_ensemble
from elitscope_models.training.fit import Step
from elitscope_models.training.member import Job, train_member
from elitscope_models.training.network import UNetShape
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.recipes import RECIPES, Recipe
from elitscope_models.training.schedule import Schedule
from elitscope_models.training.workers import Processes


def tiny_recipe(steps: int = 40) -> Recipe:
    """So small that a network learns something within seconds."""
    return replace(
        next(iter(RECIPES.values())),
        name="tiny",
        frames=12,
        side=96,
        crop=64,
        network=UNetShape(nb_filters=4, layers=(1, 1, 1, 1)),
        schedule=Schedule(steps=steps, batch=6, averaged=min(8, steps), learning_rate=5e-3, recount=4),
    )


class InThisProcess:
    """A crew without processes: one member after the other."""

    def run(self, jobs: Sequence[Job], report: Callable[[int, Step], None], done: Callable[[int], None]) -> dict[int, str]:
        for job in jobs:
            train_member(job, lambda step, index=job.index: report(index, step))  # type: ignore[misc]
            done(job.index)
        return {}


def train_here(
    recipe: Recipe,
    members: int,
    out: Path,
    seed: int = 5,
    resume: bool = False,
    progress: TrainingProgress | None = None,
    baseline: Baseline | None = None,
) -> Bundle:
    """An ensemble, trained in this process."""
    progress = progress or TrainingProgress(members, Console(file=StringIO()))
    return train_ensemble(recipe, members, out, seed, "3", progress, InThisProcess(), resume=resume, baseline=baseline)


def member_files(bundle: Path) -> dict[str, bytes]:
    """Every file of a bundle by its name."""
    return {file.name: file.read_bytes() for file in bundle.iterdir()}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=float, default=0.0)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    recipe = tiny_recipe(args.steps)
    try:
        with TrainingProgress(args.members) as progress:
            crew = Processes((None,) * args.workers, progress.note)
            train_ensemble(recipe, args.members, args.out, 5, "3", progress, crew, resume=args.resume, every_s=args.every)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
