"""A recipe so small that a network learns something within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from elitscope_models.training.data import Labelled, simulate
from elitscope_models.training.network import UNetShape
from elitscope_models.training.recipes import RECIPES, Recipe, Schedule


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests share the machine, and one thread is what makes weights repeat."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    return replace(
        RECIPES["graphene"],
        name="tiny",
        frames=12,
        side=96,
        crop=64,
        network=UNetShape(nb_filters=4, layers=(1, 1, 1, 1)),
        schedule=Schedule(steps=40, batch=6, averaged=8, learning_rate=5e-3, recount=4),
    )


@pytest.fixture(scope="session")
def tiny_data(tiny: Recipe) -> Labelled:
    return simulate(tiny, tiny.frames, seed=3)
