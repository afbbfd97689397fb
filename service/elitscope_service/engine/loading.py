"""From the configuration to the ensembles: where bundles are looked for, which one a stream starts with, and the thread that loads it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from elitscope_models.ensemble import Ensemble
from elitscope_models.kernels import load_kernels
from elitscope_models.kernels.compiled import keep_compiled
from elitscope_models.zoo import zoo_folder
from elitscope_service.config import ServerConfig
from elitscope_service.engine.loaded import ENSEMBLES_FILE, saved_ensembles
from elitscope_service.engine.opening import Opening, digest_of
from elitscope_service.engine.trial import Trials
from elitscope_service.registry import Registry
from elitscope_service.threads import OwnedThread
from elitscope_service.uploads import uploads_folder


def open_registry(config: ServerConfig) -> Registry:
    """A registry of the bundles that the configuration names, by default those that ship, and of the uploaded ones; nothing is loaded yet.

    Raises:
        EnsembleUnavailable: a folder is not there.
    """
    uploads = uploads_folder(config.data_dir)
    with contextlib.suppress(OSError):  # then there are none, and none can come: whoever tries is told
        uploads.mkdir(parents=True, exist_ok=True)
    registry = Registry(partial(open_at_start, Opening(config, Trials()), uploads), uploads)
    registry.scan((*(config.bundles or (zoo_folder(),)), *([uploads] if uploads.is_dir() else [])))
    return registry


def open_at_start(opening: Opening, uploads: Path, path: Path) -> Ensemble:
    """Load what the operator starts the server with, and what was loaded before; an upload that nobody has run yet only after a trial.

    Raises:
        BundleInvalid, RuntimeUnavailable, TrialFailed: it does not hold up, or nothing here runs it.
    """
    known = saved_ensembles(opening.config.data_dir / ENSEMBLES_FILE)
    trusted = path.parent != uploads or digest_of(path) in known.digests.values()
    return opening.directly(path) if trusted else opening.tried(path)


def load_default(registry: Registry, config: ServerConfig) -> Ensemble:
    """Load the ensemble that streams start with: the one that was asked for, or the first that holds up. And, beside it, the compiled loops
    that every frame needs.

    Raises:
        EnsembleUnavailable: there is none; says why.
    """
    with ThreadPoolExecutor(1, "elitscope-kernels") as beside:
        keep_compiled(config.data_dir / "compiled" / "kernels")
        kernels = beside.submit(load_kernels)
        ensemble = registry.load(config.ensemble) if config.ensemble else registry.load_first()
        kernels.result()
    return ensemble


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
