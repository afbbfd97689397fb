"""A bundle as one zip file, as the server takes it: `manifest.json` and the networks, with no folder around them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from elitscope.errors import BundleInvalid

MANIFEST = "manifest.json"


def read_archive(bundle: Path) -> bytes:
    """The bytes of a zip, or of a folder made into one; files beside the bundle's own (hidden ones, subfolders) stay behind.

    Raises:
        BundleInvalid: a folder without a manifest, or a file that is no zip. FileNotFoundError: neither is there.
    """
    if bundle.is_dir():
        return _packed(bundle)
    content = bundle.read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise BundleInvalid(f"{bundle} is no zip file: give a bundle's folder, or a zip of its files")
    return content


def _packed(folder: Path) -> bytes:
    if not (folder / MANIFEST).is_file():
        raise BundleInvalid(f"{folder} holds no {MANIFEST}: is it a bundle's folder?")
    packed = io.BytesIO()
    # weights don't compress, so nothing is gained by trying
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, file.name)
    return packed.getvalue()
