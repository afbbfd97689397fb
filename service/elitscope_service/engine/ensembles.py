"""The ensembles thread: does what takes long with ensembles (check, load, unpack, delete), one thing at a time, while frames go on.

It is asked by the control thread, which decides what may be done, and tells it what has come of that. At its start it clears away what an
engine before it left half done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from elitscope.errors import CODES, ElitscopeError
from elitscope_models.bundle import BundleInvalid
from elitscope_models.ensemble import Ensemble
from elitscope_service.engine.memory import give_back
from elitscope_service.engine.opening import Opening
from elitscope_service.engine.trial import TrialFailed, TrialStopped
from elitscope_service.engine.unpack import sync
from elitscope_service.registry import EnsembleExists, EnsembleUnavailable, Registry
from elitscope_service.threads import OwnedThread
from elitscope_service.uploads import INCOMING

logger = logging.getLogger(__name__)

WORKSHOP = ".workshop"
TRASH = ".trash"


@dataclass(frozen=True)
class Done:
    """What has come of a job: the ensemble's name, where there is one, and why not, where it failed."""

    command: str
    ensemble: str | None
    code: str = ""
    detail: str = ""


class EnsembleThread(OwnedThread):
    """Works off jobs in the order in which they came.

    Args:
        registry: where the ensembles are.
        opening: how bundles are opened.
        uploads: the folder of uploaded bundles.
        changed: called when something has changed, or is done; must not wait.
    """

    def __init__(self, registry: Registry, opening: Opening, uploads: Path, changed: Callable[[], None]) -> None:
        super().__init__("elitscope-ensembles")
        self._registry = registry
        self._opening = opening
        self._uploads = uploads
        self._changed = changed
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._done: deque[Done] = deque()
        self._stopping = False

    # ------------------------------------------------------------------------------------------- for the control thread

    def load(self, command: str, name: str) -> None:
        """Have an ensemble checked and loaded."""
        self._ask(command, name, partial(self._load, name))

    def take_in(self, command: str, archive: str) -> None:
        """Have an upload checked, unpacked and listed."""
        self._ask(command, None, partial(self._take_in, command, archive))

    def release(self, ensemble: Ensemble | None, folder: Path | None = None) -> None:
        """Have an ensemble's memory given back that nobody uses any more, and its folder deleted where one is named."""
        self._jobs.put(partial(self._release, [ensemble], folder))

    def finished(self) -> list[Done]:
        """What has been done since the last time."""
        done = []
        while self._done:
            done.append(self._done.popleft())
        return done

    def stop(self) -> None:
        """Ask the thread to end; the check under way is ended, a load under way is not."""
        self._stopping = True
        self._jobs.put(None)
        self._opening.trials.stop()

    # ------------------------------------------------------------------------------------------------------- the thread

    def run(self) -> None:
        self._clear_away()
        while (job := self._jobs.get()) is not None and not self._stopping:
            job()

    def _ask(self, command: str, name: str | None, work: Callable[[], str]) -> None:
        def job() -> None:
            try:
                done = Done(command, work())
            except ElitscopeError as error:
                done = Done(command, name, error.code, str(error))
            except Exception as error:  # one job's trouble is not the next one's
                logger.exception("a job of the ensembles thread failed")
                done = Done(command, name, "internal", f"{type(error).__name__}: {error}")
            give_back()
            self._done.append(done)
            self._changed()

        self._jobs.put(job)

    def _load(self, name: str) -> str:
        if self._registry.ready(name) is None:
            self._registry.rescan()
        self._changed()
        try:
            ensemble = self._registry.load(name, self._opening.tried)
        except EnsembleUnavailable as error:
            logger.warning("%s", error)
            raise LoadFailed.because(error) from error
        logger.info("ensemble %s %s is ready, plan %s", name, ensemble.bundle.manifest.version, ensemble.plan())
        return name

    def _take_in(self, command: str, archive: str) -> str:
        place = self._uploads / WORKSHOP / command
        sent, mine, fresh = self._uploads / INCOMING / archive, place / "sent.zip", place / "new"
        try:
            place.mkdir(parents=True)
            sent.rename(mine)
            verdict = self._opening.unpacked(mine, fresh)
            self._registry.refuse_taken(verdict.name)
            target = self._uploads / verdict.name
            if target.exists():
                raise EnsembleExists(f"{target} is in the way: delete the ensemble that lies there first")
            fresh.rename(target)
            sync(self._uploads)
            self._registry.add(target)
        except FileNotFoundError as error:
            raise LoadFailed("the upload is gone, the server was started again meanwhile: send it once more") from error
        except OSError as error:
            raise DiskTrouble(f"the upload can't be kept in {self._uploads} ({error.strerror}): make room there") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
        logger.info("ensemble %s was uploaded", verdict.name)
        return verdict.name

    def _release(self, ensembles: list[Ensemble | None], folder: Path | None) -> None:
        ensembles.clear()
        if folder is not None:
            self._opening.forget(folder)
        give_back()
        self._changed()

    def _clear_away(self) -> None:
        shutil.rmtree(self._uploads / WORKSHOP, ignore_errors=True)
        for folder in (self._uploads / TRASH).glob("*"):
            self._opening.forget(folder)


class DiskTrouble(ElitscopeError):
    """There is no room."""

    code = "disk_full"


class LoadFailed(ElitscopeError):
    """An ensemble could not be loaded or taken in; the code says whose fault that is."""

    code = EnsembleUnavailable.code

    @classmethod
    def because(cls, error: EnsembleUnavailable) -> LoadFailed:
        """With the code of what lies behind the error, where that has one that can be told."""
        failed = cls(str(error))
        reason = error.__cause__ or error
        if isinstance(reason, (EnsembleUnavailable, BundleInvalid, TrialFailed, TrialStopped)) and reason.code in CODES:
            failed.code = reason.code
        return failed


def put_aside(folder: Path) -> Path:
    """Take a bundle's folder out of sight, at once and for good, so that it can be deleted at leisure; where it is then.

    Raises:
        OSError: it can't be moved.
    """
    trash = folder.parent / TRASH
    trash.mkdir(exist_ok=True)
    hidden = trash / f"{folder.name}-{os.urandom(8).hex()}"
    folder.rename(hidden)
    with contextlib.suppress(OSError):
        sync(folder.parent)
    return hidden
