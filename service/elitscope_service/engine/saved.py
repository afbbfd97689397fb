"""The selections in force, in one file: what the engine starts with while the store is down.

Written whole beside the old one, on disk before it takes that one's name: a crash at any moment leaves the one or the other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from elitscope_service.selection import Selection
from elitscope_service.store.documents import AppliedSelection, Document
from elitscope_service.store.selections import document_of, selection_of

logger = logging.getLogger(__name__)


class SavedSelections(Document):
    """What stands in the file."""

    format: int = 1
    selections: tuple[AppliedSelection, ...]


def save_selections(path: Path, selections: Mapping[str, Selection]) -> None:
    """Write all of them.

    Raises:
        OSError: the folder can't be written to.
    """
    saved = SavedSelections(selections=tuple(document_of(stream, selection) for stream, selection in sorted(selections.items())))
    write_whole(path, saved.model_dump_json(indent=1))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, and stays.

    Raises:
        OSError: the folder can't be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def load_selections(path: Path) -> dict[str, Selection]:
    """What was saved, by stream; nothing where there is no file. One that can't be read is put aside, and said."""
    try:
        saved = SavedSelections.loads(path.read_bytes())
        return {document.stream: selection_of(document) for document in saved.selections}
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError, ValueError) as error:
        aside = path.with_name(f"{path.name}.unreadable")
        logger.error("%s can't be read and becomes %s: %s", path, aside.name, error)
        if path.is_file():
            path.replace(aside)
        return {}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
