"""The ensembles that are there: found on disk, loaded, checked and warmed before anyone can choose one.

| state     | `load`                             |
| --------- | ---------------------------------- |
| on_disk   | loading, then ready or failed      |
| loading   | refused: one load at a time        |
| ready     | stays as it is                     |
| failed    | loading, then ready or failed      |

A load that fails changes nothing but the state of what failed. Frames only ever see ensembles that are ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from elitscope.errors import ElitscopeError
from elitscope.messages import EnsembleSummary
from elitscope_models.bundle import Bundle, BundleInvalid, Manifest, load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_service.status import EnsembleState, EnsembleStatus, MemberStatus

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
Opener = Callable[[Bundle], Ensemble]


class EnsembleUnavailable(ElitscopeError, LookupError):
    """No such ensemble, or it can't be loaded; says which there are, or why."""

    code = "ensemble_unavailable"


@dataclass(frozen=True)
class Entry:
    """One bundle that was found. `why`: what went wrong, where it failed; `manifest`: None where it can't be read."""

    name: str
    path: Path
    state: EnsembleState
    why: str | None = None
    manifest: Manifest | None = None
    ensemble: Ensemble | None = None


class Registry:
    """The ensembles by name. One thread changes it; any may read, since every change swaps one immutable table.

    Args:
        open_ensemble: compiles, tries and warms a checked bundle.
    """

    def __init__(self, open_ensemble: Opener) -> None:
        self._open = open_ensemble
        self._entries: Mapping[str, Entry] = {}

    def scan(self, folders: Iterable[Path]) -> None:
        """Find the bundles in `folders`, each a bundle or a folder of them. A bundle that can't be read is listed as failed.

        Raises:
            EnsembleUnavailable: a folder is not there.
        """
        for path in bundle_folders(folders):
            entry = _read(path)
            known = self._entries.get(entry.name)
            if known is None:
                self._put(entry)
            elif known.path != path:
                logger.warning("%s is left out: %s has the same name, %r", path, known.path, entry.name)

    def load(self, name: str) -> Ensemble:
        """Load an ensemble, or return it where it is ready.

        Raises:
            EnsembleUnavailable: there is none of that name, it is being loaded, or its bundle does not hold up.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise EnsembleUnavailable(f"there is no ensemble {name!r}: there are {', '.join(self._entries) or 'none'}")
        if entry.ensemble is not None:
            return entry.ensemble
        if entry.state is EnsembleState.LOADING:
            raise EnsembleUnavailable(f"ensemble {name!r} is being loaded")
        self._put(replace(entry, state=EnsembleState.LOADING, why=None))
        try:
            bundle = load_bundle(entry.path)
            if bundle.manifest.name != name:
                raise BundleInvalid(f"{entry.path} has become {bundle.manifest.name!r}: it was {name!r} when it was found")
            ensemble = self._open(bundle)
        except Exception as error:  # runtimes raise what they please; none of it may end more than this load
            self._put(replace(entry, state=EnsembleState.FAILED, why=str(error) or repr(error)))
            raise EnsembleUnavailable(f"ensemble {name!r} could not be loaded: {error}") from error
        self._put(replace(entry, state=EnsembleState.READY, why=None, manifest=bundle.manifest, ensemble=ensemble))
        return ensemble

    def load_first(self) -> Ensemble:
        """Load the first ensemble, by name, that holds up.

        Raises:
            EnsembleUnavailable: none does; the text says why of each.
        """
        reasons = []
        for name in list(self._entries):
            try:
                return self.load(name)
            except EnsembleUnavailable as error:
                logger.warning("%s", error)
                reasons.append(str(error))
        raise EnsembleUnavailable("; ".join(reasons) or "no bundle was found: name a folder of bundles with --bundles")

    def ready(self, name: str) -> Ensemble | None:
        """The ensemble, if it is ready."""
        entry = self._entries.get(name)
        return None if entry is None else entry.ensemble

    def status(self) -> tuple[EnsembleStatus, ...]:
        """What is published of every ensemble."""
        return tuple(_status(entry) for entry in self._entries.values())

    def _put(self, entry: Entry) -> None:
        self._entries = dict(sorted({**self._entries, entry.name: entry}.items()))


def bundle_folders(folders: Iterable[Path]) -> Iterator[Path]:
    """The bundles among `folders` and right below them, in order of their names.

    Raises:
        EnsembleUnavailable: a folder is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            raise EnsembleUnavailable(f"{folder} is no folder: --bundles names a bundle or a folder of bundles")
        if (folder / MANIFEST).is_file():
            yield folder
        else:
            yield from sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def summarise(ensemble: Ensemble) -> EnsembleSummary:
    """What clients are told of an ensemble."""
    manifest = ensemble.bundle.manifest
    return EnsembleSummary(
        manifest.name, manifest.version, manifest.class_names, manifest.member_ids, manifest.sampling, manifest.sampling_range
    )


def _read(path: Path) -> Entry:
    try:
        manifest = load_bundle(path, verify=False).manifest
    except BundleInvalid as error:
        return Entry(path.name, path, EnsembleState.FAILED, why=str(error))
    return Entry(manifest.name, path, EnsembleState.ON_DISK, manifest=manifest)


def _status(entry: Entry) -> EnsembleStatus:
    status = EnsembleStatus(name=entry.name, state=entry.state, why=entry.why, path=str(entry.path))
    manifest = entry.manifest
    if manifest is None:
        return status
    return status.model_copy(
        update={
            "version": manifest.version,
            "classes": manifest.class_names,
            "members": tuple(MemberStatus(id=member.id, metrics=member.metrics) for member in manifest.members),
            "sampling": manifest.sampling,
            "sampling_range": manifest.sampling_range,
            "trained_on": manifest.training.domain,
            "calibrated": manifest.training.calibrated,
            "license": manifest.license,
            "plan": None if entry.ensemble is None else entry.ensemble.plan(),
        }
    )
