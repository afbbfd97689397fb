"""From the configuration to the ensembles: where bundles are looked for, which one a stream starts with, and the thread that loads it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_models.zoo import zoo_folder
from elitscope_service.config import ServerConfig
from elitscope_service.registry import Registry
from elitscope_service.threads import OwnedThread


def open_registry(config: ServerConfig) -> Registry:
    """A registry of the bundles that the configuration names, by default those that ship; nothing is loaded yet.

    Raises:
        EnsembleUnavailable: a folder is not there.
    """
    cache = config.data_dir / "compiled"
    registry = Registry(partial(open_ensemble, device=config.device, cache_dir=cache))
    registry.scan(config.bundles or (zoo_folder(),))
    return registry


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
