"""A browser, and a server whose frames it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.console.browsing import started_browser
from tests.support.bundles import make_bundle
from tests.support.frames import dots, lattice
from tests.support.server import RunningServer

SHAPE = (128, 160)
FRAMES = [dots(SHAPE, lattice(SHAPE), floor=0.1) * np.float32(1 + i / 4) for i in range(3)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a module: while one is open, asyncio can't be used in this thread."""
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small ensembles: `toy` of four networks, `other` of two."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "toy", members=4, name="toy")
    make_bundle(folder / "other", members=2, name="other")
    return folder


@pytest.fixture(scope="module")
def server(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Shared by a module's tests, each with a stream of its own."""
    with RunningServer("--bundles", bundles, "--ensemble", "toy", data_dir=tmp_path_factory.mktemp("data")) as running:
        yield running
