"""Which ensembles somebody has loaded, in a file and in the store: they are loaded again after a restart.

The file is written first, so that the engine starts right with the store down; the higher revision of the two counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import redis
from pydantic import ValidationError

from elitscope_service.engine.saved import write_whole
from elitscope_service.store import keys
from elitscope_service.store.connect import StoreUnavailable, store_errors
from elitscope_service.store.documents import LoadedEnsembles

logger = logging.getLogger(__name__)

ENSEMBLES_FILE = "ensembles.json"
"""In the data folder."""


def saved_ensembles(file: Path) -> LoadedEnsembles:
    """What the file says; nothing where there is none."""
    return _from(file.read_bytes, file) or LoadedEnsembles()


def remembered_ensembles(file: Path, store: redis.Redis) -> LoadedEnsembles:
    """The newer of file and store; nothing where there is neither."""
    kept = _from(lambda: _kept(store), "the store") or LoadedEnsembles()
    return max(saved_ensembles(file), kept, key=lambda known: known.revision)


def save_loaded(file: Path, loaded: LoadedEnsembles) -> None:
    """Write the file.

    Raises:
        OSError: the folder can't be written to.
    """
    write_whole(file, loaded.model_dump_json(indent=1))


def _kept(store: redis.Redis) -> str | bytes | None:
    with store_errors():
        return store.get(keys.ENSEMBLES_LOADED)


def _from(read: Callable[[], str | bytes | None], where: object) -> LoadedEnsembles | None:
    try:
        return LoadedEnsembles.loads_or_none(read())
    except FileNotFoundError:
        return None
    except (OSError, StoreUnavailable, ValidationError) as error:
        logger.warning("which ensembles were loaded can't be read from %s: %s", where, error)
        return None
