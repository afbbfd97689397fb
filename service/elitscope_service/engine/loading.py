"""From the configuration to the ensembles: where bundles are looked for, which one a stream starts with, and the thread that loads it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from elitscope_models.bundle import load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_models.zoo import zoo_folder
from elitscope_service.config import ServerConfig
from elitscope_service.registry import Registry
from elitscope_service.threads import OwnedThread


def uploads_folder(config: ServerConfig) -> Path:
    """Where uploaded bundles live."""
    return config.data_dir / "bundles"


def cache_folder(config: ServerConfig) -> Path:
    """Where compiled networks are kept."""
    return config.data_dir / "compiled"


def open_registry(config: ServerConfig) -> Registry:
    """A registry of the bundles that the configuration names, by default those that ship, and of the uploaded ones; nothing is loaded yet.

    Raises:
        EnsembleUnavailable: a folder is not there.
    """
    uploads = uploads_folder(config)
    with contextlib.suppress(OSError):  # then there are none, and none can come: whoever tries is told
        uploads.mkdir(parents=True, exist_ok=True)
    registry = Registry(partial(open_directly, device=config.device, cache_dir=cache_folder(config)), uploads)
    registry.scan((*(config.bundles or (zoo_folder(),)), *([uploads] if uploads.is_dir() else [])))
    return registry


def open_directly(path: Path, device: str, cache_dir: Path) -> Ensemble:
    """Load the bundle in a folder in this process, for what the operator starts the server with.

    Raises:
        BundleInvalid, RuntimeUnavailable: it does not hold up, or nothing here runs it.
    """
    return open_ensemble(load_bundle(path), device=device, cache_dir=cache_dir)


def load_default(registry: Registry, config: ServerConfig) -> Ensemble:
    """Load the ensemble that streams start with: the one that was asked for, or the first that holds up.

    Raises:
        EnsembleUnavailable: there is none; says why.
    """
    return registry.load(config.ensemble) if config.ensemble else registry.load_first()


class LoaderThread(OwnedThread):
    """Does the loading, while the main thread listens to the parent. `done` is called once `outcome` is there."""

    def __init__(self, load: Callable[[], None], done: Callable[[], None]) -> None:
        super().__init__("elitscope-loader")
        self.outcome: Future[None] = Future()
        self._load = load
        self._done = done

    def run(self) -> None:
        try:
            self._load()
        except BaseException as error:  # noqa: BLE001 - the main thread reports it
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(None)
        self._done()
