"""Whole servers for whole-system tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bundles import make_bundle
from tests.support.server import RunningServer


@pytest.fixture(scope="session")
def toy_bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds one small bundle, `toy`, of three members."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "toy", members=3)
    return folder


@pytest.fixture(scope="module")
def server(toy_bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with the toy bundle; shared by a module's tests, which must leave it well."""
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path_factory.mktemp("data")) as running:
        yield running
