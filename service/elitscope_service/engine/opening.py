"""From a bundle's folder to an ensemble in this process: directly, or after a trial in a process of its own."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from elitscope_models.bundle import Bundle, BundleInvalid, load_bundle, read_manifest
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_ensemble
from elitscope_service.config import ServerConfig
from elitscope_service.engine.trial import Task, Trials, Verdict

_DIGITS = 16


@dataclass(frozen=True)
class Opening:
    """How bundles are opened under a configuration."""

    config: ServerConfig
    trials: Trials

    def directly(self, path: Path) -> Ensemble:
        """Load what the server was started with, or what has been through a trial before.

        Raises:
            BundleInvalid, RuntimeUnavailable: it does not hold up, or nothing here runs it.
        """
        bundle = load_bundle(path)
        return open_ensemble(bundle, device=self.config.device, cache_dir=self.cache_of(bundle.digest), fuse=True)

    def tried(self, path: Path) -> Ensemble:
        """Load what nobody has run yet: only if its trial goes well, and exactly what was tried.

        Raises:
            BundleInvalid: it does not hold up.
            TrialFailed, TrialStopped: there was no verdict, for a reason that is not the bundle's.
        """
        digest, limits = digest_of(path), self.config.limits
        cache = self.cache_of(digest)
        task = Task(folder=path, device=self.config.device, cache_dir=cache, memory_bytes=limits.check_bytes, seconds=limits.check_s)
        verdict = self.trials.run(task)
        bundle = Bundle(path, read_manifest(path), verdict.halo)
        if not verdict.digest == digest == bundle.digest:
            raise BundleInvalid(f"{path} was changed while it was being checked: load it again")
        precision = verdict.precision or "auto"
        ensemble = open_ensemble(bundle, device=self.config.device, precision=precision, cache_dir=cache, fuse=True)
        return replace(ensemble, agreement=verdict.agreement)

    def unpacked(self, archive: Path, folder: Path) -> Verdict:
        """Unpack an upload into `folder`, and check all of it that can be checked without running anything.

        Raises:
            BundleInvalid: it does not hold up.
            TrialFailed, TrialStopped: there was no verdict, for a reason that is not the bundle's.
        """
        limits = self.config.limits
        task = Task(
            folder=folder,
            archive=archive,
            unpacked_bytes=limits.bundle_bytes,
            run=False,
            memory_bytes=limits.check_bytes,
            seconds=limits.check_s,
        )
        return self.trials.run(task)

    def cache_of(self, digest: str) -> Path:
        """Where a bundle's compiled networks are kept; a folder for each, so that they go when it goes."""
        return self.config.data_dir / "compiled" / digest[:_DIGITS]

    def forget(self, path: Path) -> None:
        """Delete a bundle's folder, and its compiled networks."""
        with contextlib.suppress(BundleInvalid):  # never compiled
            shutil.rmtree(self.cache_of(digest_of(path)), ignore_errors=True)
        shutil.rmtree(path, ignore_errors=True)


def digest_of(path: Path) -> str:
    """A bundle's digest, from its manifest alone.

    Raises:
        BundleInvalid: the manifest can't be read.
    """
    return Bundle(path, read_manifest(path), 0).digest
