"""A small real ensemble, and an engine in this process that serves it on real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_service.config import Limits, load_config
from elitscope_service.engine.engine import Engine
from elitscope_service.registry import Registry
from tests.service.wire import RunningEngine
from tests.support.bundles import make_bundle
from tests.support.stores import KINDS, StoreServer

ANYWHERE = "tcp://127.0.0.1:0"


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds one small bundle, `toy`, of three members."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "toy", members=3)
    return folder


@pytest.fixture(scope="session")
def toy_bundle(toy_folder: Path) -> Bundle:
    """The small bundle, checked."""
    return load_bundle(toy_folder / "toy")


@pytest.fixture(scope="session")
def toy_ensemble(toy_bundle: Bundle) -> Ensemble:
    """The small bundle, ready to run in fp32 on the CPU. One test at a time may run it."""
    return open_ensemble(toy_bundle, device="cpu", precision="fp32", threads=1)


@pytest.fixture
def start_engine(toy_folder: Path, toy_ensemble: Ensemble, tmp_path: Path) -> Iterator[Callable[..., RunningEngine]]:
    """Starts engines on free ports, with the small ensemble; keyword arguments are limits. They are closed at the end."""
    with ExitStack() as stack:

        def start(serving: bool = True, bind: str = ANYWHERE, publish: str = ANYWHERE, **limits: Any) -> RunningEngine:
            config = load_config({"bind": bind, "publish": publish, "preview_hz": 60.0, "data_dir": tmp_path, "limits": Limits(**limits)})
            registry = Registry(lambda bundle: toy_ensemble)
            registry.scan([toy_folder])
            engine = Engine(config, registry)
            running = RunningEngine(engine, registry, *engine.listen())
            stack.callback(running.close)
            if serving:
                running.serve()
            return running

        yield start


@pytest.fixture(scope="session", params=KINDS)
def store_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A store that tests share, of either kind."""
    with StoreServer(request.param, tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def store(store_server: StoreServer) -> Iterator[Any]:
    """A client of an empty store."""
    client = store_server.client()
    client.flushall()
    yield client
    client.close()
