"""Where uploaded bundles lie in the data folder: the API leaves what was sent, the engine makes bundles of it."""

from __future__ import annotations

from pathlib import Path

INCOMING = ".incoming"


def uploads_folder(data_dir: Path) -> Path:
    """The folder of uploaded bundles. What begins with a dot in it is being worked on."""
    return data_dir / "bundles"


def incoming_folder(data_dir: Path) -> Path:
    """What was sent and is not a bundle yet."""
    return uploads_folder(data_dir) / INCOMING
