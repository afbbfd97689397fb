"""The manifests of the ensembles that the engine has ready, read from the folders that it names."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING

from elitscope_service.status import EnsembleState, EnsembleStatus

if TYPE_CHECKING:
    from elitscope_models.manifest import Manifest

logger = logging.getLogger(__name__)

_Known = tuple[str, str | None]
"""Folder and version."""


class Manifests:
    """Told by the listener thread, asked by others. A file is read once for every folder and version."""

    def __init__(self) -> None:
        self._ready: dict[str, _Known] = {}
        self._read: dict[_Known, Manifest | None] = {}
        self._lock = Lock()

    def update(self, ensembles: Iterable[EnsembleStatus]) -> None:
        """What the engine says that there is."""
        self._ready = {e.name: (e.path, e.version) for e in ensembles if e.state is EnsembleState.READY}

    def of(self, name: str, version: str) -> Manifest | None:
        """That of a ready ensemble in this version, None where there is none."""
        known = self._ready.get(name)
        return None if known is None or known[1] != version else self._manifest(known)

    def ready(self) -> tuple[Manifest, ...]:
        """All of them."""
        found = (self._manifest(known) for known in self._ready.values())
        return tuple(manifest for manifest in found if manifest is not None)

    def _manifest(self, known: _Known) -> Manifest | None:
        with self._lock:
            if known not in self._read:
                self._read[known] = _read(known[0])
            return self._read[known]


def _read(folder: str) -> Manifest | None:
    from elitscope_models.bundle import BundleInvalid, read_manifest  # takes half a second, and a monitor without frames need not

    try:
        return read_manifest(folder)
    except (OSError, BundleInvalid) as error:
        logger.warning("frames of an ensemble are not looked at, since its manifest can't be read: %s", error)
        return None
