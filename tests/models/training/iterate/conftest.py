"""An ensemble that a few seconds of training made, frames for it, and a loop in this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from elitscope.simulator import Conditions, expose, graphene
from elitscope_models.bundle import Bundle
from elitscope_models.training.ensemble import train_ensemble
from elitscope_models.training.iterate.experiment import Frame
from elitscope_models.training.progress import TrainingProgress
from tests.support.training import InThisProcess, tiny_recipe, train_here


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    recipe = tiny_recipe(60)
    recipe = replace(recipe, schedule=replace(recipe.schedule, learning_rate=1e-2))
    return train_here(recipe, 2, tmp_path_factory.mktemp("parent") / "tiny")


@pytest.fixture(scope="session")
def frames() -> list[Frame]:
    return [Frame(f"movie {seed}", _pixels(seed), (0.1, 0.1)) for seed in range(3)]


def _pixels(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    specimen = graphene((9.6, 11.2), rng, dopants=0.15)
    return expose(specimen, (96, 112), 0.1, Conditions(electrons=60), rng).pixels


@dataclass
class Trainer:
    """Trains in this process, and counts the steps."""

    seed: int = 1
    steps: int = 0

    def __call__(self, recipe: Any, members: int, out: Path, release: str, frames: Any, baseline: Any, origin: Any) -> Bundle:
        trainer = self

        class Counted(TrainingProgress):
            def step(self, index: int, step: Any) -> None:
                trainer.steps += 1
                super().step(index, step)

        progress = Counted(members, Console(file=StringIO()))
        return train_ensemble(
            recipe,
            members,
            out,
            self.seed,
            release,
            progress,
            InThisProcess(),
            frames=frames,
            baseline=baseline,
            resume=True,
            origin=origin,
        )


@dataclass
class Remembered:
    """A witness that remembers."""

    views: list[Any] = field(default_factory=list)
    choice: Any = None
    rounds: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def viewed(self, bundle: Bundle, frames: Sequence[Frame], views: Any, choice: Any) -> None:
        self.views, self.choice = list(views), choice

    def observed(self, number: int, seen: Any, density: float, learnt_from: Sequence[int]) -> None:
        self.rounds.append((number, seen, tuple(learnt_from)))

    def note(self, text: str) -> None:
        self.notes.append(text)


def unwatched(frames: Iterable[Frame], title: str) -> Iterable[Frame]:
    return frames


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
def witness() -> Remembered:
    return Remembered()


@pytest.fixture
def watch() -> Any:
    return unwatched
