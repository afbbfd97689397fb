"""Where ensembles are found by name: the user's folders first, then those that ship."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from elitscope_models.bundle import MANIFEST, BundleInvalid

DEFAULT = "graphene"
"""The ensemble that a fresh installation works with."""

_HERE = Path(__file__).resolve().parent


def zoo_folder() -> Path:
    """The folder of the ensembles that ship: inside an installed package, beside it in a source checkout."""
    inside = _HERE / "zoo"
    return inside if inside.is_dir() else _HERE.parent / "zoo"


def bundle_folders(folders: Iterable[str | os.PathLike[str]] = ()) -> dict[str, Path]:
    """Every bundle in `folders` and in the zoo, by the name of its folder; the first of a name wins."""
    found: dict[str, Path] = {}
    for folder in (*map(Path, folders), zoo_folder()):
        for bundle in _bundles_in(folder):
            found.setdefault(bundle.name, bundle)
    return found


def find_bundle(name_or_path: str | os.PathLike[str], folders: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """The folder of a bundle.

    Args:
        name_or_path: a bundle's folder, or the name of one in `folders` or in the zoo.
        folders: where else to look, in this order, before the zoo.

    Raises:
        BundleInvalid: there is none; the text lists those that there are.
    """
    path = Path(name_or_path)
    if (path / MANIFEST).is_file():
        return path
    known = bundle_folders(folders)
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    available = ", ".join(sorted(known)) or "none"
    raise BundleInvalid(f"no bundle {str(name_or_path)!r}: give a folder that holds {MANIFEST}, or a name out of: {available}")


def _bundles_in(folder: Path) -> Iterator[Path]:
    """The folder itself where it is a bundle, otherwise the bundles directly in it."""
    if (folder / MANIFEST).is_file():
        yield folder
    elif folder.is_dir():
        yield from sorted(entry for entry in folder.iterdir() if (entry / MANIFEST).is_file() and not entry.name.startswith("."))
