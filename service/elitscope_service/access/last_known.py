"""A copy of the keys in the data folder, so that the server starts right while the store is down: with the keys that it knew last.

It holds hashes and public keys alone, and is its owner's (0600). Where there is no copy and no store, nobody is let in.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from elitscope_service.access.key import ApiKey
from elitscope_service.access.keyring import Keyring
from elitscope_service.access.private import replace_private
from elitscope_service.store.documents import Document

FILE_NAME = "keys.json"


class _Copy(Document):
    required: bool
    keys: tuple[ApiKey, ...]


def read_last_known(folder: Path) -> Keyring | None:
    """The keys as they were last known; None where there is no copy that could be read."""
    try:
        copy = _Copy.loads((folder / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    return Keyring(copy.keys, copy.required)


def write_last_known(folder: Path, ring: Keyring) -> None:
    """Replace the copy, in one step.

    Raises:
        OSError: the folder can't be written to.
    """
    replace_private(folder / FILE_NAME, _Copy(required=ring.required, keys=ring.keys).dumps().encode())
