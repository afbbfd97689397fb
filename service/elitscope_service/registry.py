"""The ensembles that are there: found on disk, loaded, checked and warmed before anyone can choose one.

| state     | load                          | unload                      | delete, if uploaded | rescan                             |
| --------- | ----------------------------- | --------------------------- | ------------------- | ---------------------------------- |
| on_disk   | loading, then ready or failed | stays                       | gone                | read again; gone with its folder   |
| loading   | refused: it is under way      | refused                     | refused             | stays                              |
| ready     | stays as it is                | on_disk; refused if in use  | refused if in use   | stays                              |
| failed    | loading, then ready or failed | stays                       | gone                | read again; gone with its folder   |

A load that fails changes nothing but the state of what failed. Frames only ever see ensembles that are ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock

from elitscope.errors import ElitscopeError
from elitscope.messages import EnsembleSummary
from elitscope_models.bundle import BundleInvalid, Manifest, read_manifest
from elitscope_models.ensemble import Ensemble
from elitscope_service.status import AgreementStatus, EnsembleState, EnsembleStatus, MemberStatus

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
Opener = Callable[[Path], Ensemble]


class EnsembleUnavailable(ElitscopeError, LookupError):
    """No such ensemble, or it can't be loaded; says which there are, or why."""

    code = "ensemble_unavailable"


class EnsembleUnknown(EnsembleUnavailable):
    """No such ensemble; says which there are."""

    code = "ensemble_unknown"


class EnsembleExists(ElitscopeError):
    """The name is taken."""

    code = "ensemble_exists"


class EnsembleBusy(ElitscopeError):
    """It is analysing frames, or being loaded."""

    code = "ensemble_in_use"


class EnsembleShipped(ElitscopeError):
    """It was not uploaded, so it can't be deleted here."""

    code = "ensemble_not_uploaded"


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
    """The ensembles by name. Any thread may read or change it: every change is one step, and swaps one immutable table.

    Args:
        open_ensemble: compiles, tries and warms the bundle in a folder.
        uploads: the folder of uploaded bundles, which alone can be deleted.
    """

    def __init__(self, open_ensemble: Opener, uploads: Path | None = None) -> None:
        self._open = open_ensemble
        self._uploads = uploads
        self._folders: tuple[Path, ...] = ()
        self._entries: Mapping[str, Entry] = {}
        self._lock = Lock()

    # ------------------------------------------------------------------------------------------------------ what is there

    def scan(self, folders: Iterable[Path]) -> None:
        """Find the bundles in `folders`, each a bundle or a folder of them. A bundle that can't be read is listed as failed.

        Raises:
            EnsembleUnavailable: a folder is not there.
        """
        self._folders = (*self._folders, *folders)
        self._find(bundle_folders(self._folders))

    def rescan(self) -> None:
        """Look again: bundles may have come, changed, or gone. What is loaded or being loaded stays as it is."""
        present = list(bundle_folders(folder for folder in self._folders if folder.is_dir()))
        with self._lock:
            settled = (EnsembleState.READY, EnsembleState.LOADING)
            self._entries = {name: entry for name, entry in self._entries.items() if entry.state in settled or entry.path in present}
        self._find(present)

    def names(self) -> tuple[str, ...]:
        """Every ensemble that was found, in whatever state."""
        return tuple(self._entries)

    def status(self) -> tuple[EnsembleStatus, ...]:
        """What is published of every ensemble."""
        return tuple(self._status(entry) for entry in self._entries.values())

    def status_of(self, name: str) -> EnsembleStatus | None:
        """What is published of one."""
        entry = self._entries.get(name)
        return None if entry is None else self._status(entry)

    def ready(self, name: str) -> Ensemble | None:
        """The ensemble, if it is ready."""
        entry = self._entries.get(name)
        return None if entry is None else entry.ensemble

    def is_uploaded(self, path: Path) -> bool:
        """Whether the bundle in this folder was uploaded."""
        return self._uploads is not None and path.parent == self._uploads

    # ------------------------------------------------------------------------------------------------------------ changes

    def load(self, name: str, open_ensemble: Opener | None = None) -> Ensemble:
        """Load an ensemble, or return it where it is ready.

        Args:
            open_ensemble: instead of the usual way.

        Raises:
            EnsembleUnavailable: there is none of that name, it is being loaded, or its bundle does not hold up.
        """
        entry = self._begin(name)
        if entry.ensemble is not None:
            return entry.ensemble
        try:
            manifest = read_manifest(entry.path)
            if manifest.name != name:
                raise BundleInvalid(f"{entry.path} has become {manifest.name!r}: it was {name!r} when it was found")
            ensemble = (open_ensemble or self._open)(entry.path)
        except Exception as error:  # runtimes raise what they please; none of it may end more than this load
            self._put(replace(entry, state=EnsembleState.FAILED, why=str(error) or repr(error)))
            raise EnsembleUnavailable(f"ensemble {name!r} could not be loaded: {error}") from error
        self._put(replace(entry, state=EnsembleState.READY, why=None, manifest=ensemble.bundle.manifest, ensemble=ensemble))
        return ensemble

    def load_first(self) -> Ensemble:
        """Load the first ensemble, by name, that holds up; those that were uploaded come last.

        Raises:
            EnsembleUnavailable: none does; the text says why of each.
        """
        reasons = []
        for entry in sorted(self._entries.values(), key=lambda entry: self.is_uploaded(entry.path)):
            try:
                return self.load(entry.name)
            except EnsembleUnavailable as error:
                logger.warning("%s", error)
                reasons.append(str(error))
        raise EnsembleUnavailable("; ".join(reasons) or "no bundle was found: name a folder of bundles with --bundles")

    def unload(self, name: str) -> Ensemble | None:
        """Let go of an ensemble that nobody uses, and return it: whoever drops it last gives its memory back. None: it was not loaded.

        Raises:
            EnsembleUnknown: there is none of that name.
            EnsembleBusy: it is being loaded.
        """
        with self._lock:
            entry = self._idle(name)
            if entry.ensemble is not None:
                self._swap(replace(entry, state=EnsembleState.ON_DISK, ensemble=None))
            return entry.ensemble

    def remove(self, name: str) -> tuple[Path, Ensemble | None]:
        """Forget an uploaded ensemble that nobody uses; returns its folder, which is left alone, and what was loaded of it.

        Raises:
            EnsembleUnknown: there is none of that name.
            EnsembleShipped: it was not uploaded.
            EnsembleBusy: it is being loaded.
        """
        with self._lock:
            entry = self._idle(name)
            if not self.is_uploaded(entry.path):
                raise EnsembleShipped(
                    f"ensemble {name!r} lies in {entry.path}: only uploaded ones can be deleted here, take that folder away"
                )
            self._entries = {other: kept for other, kept in self._entries.items() if other != name}
            return entry.path, entry.ensemble

    def add(self, path: Path) -> None:
        """List the bundle in a folder.

        Raises:
            EnsembleExists: another one has its name.
        """
        entry = _read(path)
        with self._lock:
            self.refuse_taken(entry.name)
            self._swap(entry)

    def refuse_taken(self, name: str) -> None:
        """Raises EnsembleExists where there is an ensemble of that name."""
        known = self._entries.get(name)
        if known is not None:
            raise EnsembleExists(f"there is an ensemble {name!r} already, in {known.path}: delete it first, or give this one another name")

    # ------------------------------------------------------------------------------------------------------------- inside

    def _find(self, paths: Iterable[Path]) -> None:
        first: dict[str, Path] = {}
        for path in paths:
            entry = _read(path)
            if first.setdefault(entry.name, path) != path:
                logger.warning("%s is left out: %s has the same name, %r", path, first[entry.name], entry.name)
                continue
            with self._lock:
                known = self._entries.get(entry.name)
                if (
                    known is None
                    or known.state is EnsembleState.ON_DISK
                    or (known.state is EnsembleState.FAILED and known.manifest is None)
                ):
                    self._swap(entry)

    def _begin(self, name: str) -> Entry:
        """The entry, if it is ready; otherwise as it was, and now marked as being loaded."""
        with self._lock:
            entry = self._known(name)
            if entry.state is EnsembleState.LOADING:
                raise EnsembleUnavailable(f"ensemble {name!r} is being loaded")
            if entry.ensemble is None:
                self._swap(replace(entry, state=EnsembleState.LOADING, why=None))
            return entry

    def _idle(self, name: str) -> Entry:
        entry = self._known(name)
        if entry.state is EnsembleState.LOADING:
            raise EnsembleBusy(f"ensemble {name!r} is being loaded: wait until that is done")
        return entry

    def _known(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise EnsembleUnknown(f"there is no ensemble {name!r}: there are {', '.join(self._entries) or 'none'}")
        return entry

    def _put(self, entry: Entry) -> None:
        with self._lock:
            self._swap(entry)

    def _swap(self, entry: Entry) -> None:
        self._entries = dict(sorted({**self._entries, entry.name: entry}.items()))

    def _status(self, entry: Entry) -> EnsembleStatus:
        status = EnsembleStatus(
            name=entry.name, state=entry.state, why=entry.why, path=str(entry.path), uploaded=self.is_uploaded(entry.path)
        )
        return status if entry.manifest is None else status.model_copy(update=_described(entry.manifest, entry.ensemble))


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
    """What its manifest says: nothing else of a bundle is opened before it is loaded."""
    try:
        manifest = read_manifest(path)
    except BundleInvalid as error:
        return Entry(path.name, path, EnsembleState.FAILED, why=str(error))
    return Entry(manifest.name, path, EnsembleState.ON_DISK, manifest=manifest)


def _described(manifest: Manifest, ensemble: Ensemble | None) -> dict[str, object]:
    return {
        "version": manifest.version,
        "classes": manifest.class_names,
        "members": tuple(MemberStatus(id=member.id, metrics=member.metrics) for member in manifest.members),
        "sampling": manifest.sampling,
        "sampling_range": manifest.sampling_range,
        "trained_on": manifest.training.domain,
        "calibrated": manifest.training.calibrated,
        "license": manifest.license,
        "plan": None if ensemble is None else ensemble.plan(),
        "precision": None if ensemble is None else ensemble.runtime.precision,
        "agreement": None if ensemble is None or ensemble.agreement is None else AgreementStatus(**asdict(ensemble.agreement)),
    }
