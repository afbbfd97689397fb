"""A bundle out of a zip file that somebody sent: no entry leads out of the folder, none is more than it says, nothing unknown is written.

Allowed are `manifest.json`, `*.onnx` and a few files for people, flat or all in one folder. The entries' own names, sizes and kinds are
taken for claims, and checked.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from elitscope_models.bundle import BundleInvalid

MOST_ENTRIES = 80
MOST_RATIO = 200
SMALL_BYTES = 16 << 20
CHUNK = 1 << 20
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WELCOME = re.compile(r"manifest\.json|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.onnx|(README|LICENSE|CHANGELOG)(\.md|\.txt)?")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpack(archive: Path, folder: Path, most_bytes: int) -> None:
    """Unpack a zip file into `folder`, which is made, and have it all on the disk.

    Args:
        archive: the file that was sent.
        folder: must not be there yet.
        most_bytes: of all files together, unpacked.

    Raises:
        BundleInvalid: it is no zip file, or holds what a bundle does not.
        OSError: no room.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _accepted(opened.infolist(), archive.stat().st_size, most_bytes)
            folder.mkdir()
            for name, entry in entries:
                _write(opened, entry, folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, BundleInvalid):
            raise
        raise BundleInvalid(f"this is no zip file that can be read ({error}): zip the bundle's folder again") from error
    sync(folder)


def sync(folder: Path) -> None:
    """Have what a folder lists survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _accepted(entries: list[zipfile.ZipInfo], archive_bytes: int, most_bytes: int) -> list[tuple[str, zipfile.ZipInfo]]:
    """File names and entries, if all of them may be written."""
    if len(entries) > MOST_ENTRIES:
        raise BundleInvalid(f"the zip file has {len(entries)} entries: a bundle has at most {MOST_ENTRIES} files")
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise BundleInvalid(f"unpacked, it would take {total} bytes: a bundle takes at most {most_bytes} (limits.bundle_bytes)")
    if total > SMALL_BYTES and total > MOST_RATIO * archive_bytes:
        raise BundleInvalid(
            f"unpacked, its {archive_bytes} bytes would become {total}, more than {MOST_RATIO} times as many: no network packs so well"
        )
    accepted = list(_files(entries))
    names = [name.casefold() for name, _ in accepted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BundleInvalid(f"the zip file has {', '.join(twice)} more than once")
    return accepted


def _files(entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    top: str | None = None
    for entry in entries:
        given = entry.orig_filename
        folder, slash, name = given.rpartition("/")
        if slash and not _PLAIN.fullmatch(folder):
            raise BundleInvalid(f"the zip file's entry {given[:80]!r} leads elsewhere: a bundle's files lie flat, or in one folder")
        if top is not None and folder != top:
            raise BundleInvalid(
                f"the zip file's entry {given[:80]!r} lies beside {top or 'the others'!r}: a bundle's files lie in one folder"
            )
        top = folder
        if not name:
            continue
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise BundleInvalid(f"the zip file's entry {given[:80]!r} is a link or a device: a bundle consists of plain files")
        if not _WELCOME.fullmatch(name):
            raise BundleInvalid(
                f"the zip file's entry {given[:80]!r} is unknown: a bundle has manifest.json, *.onnx, README, LICENSE and CHANGELOG"
            )
        if entry.flag_bits & 1 or entry.compress_type not in _METHODS:
            raise BundleInvalid(f"the zip file's entry {given[:80]!r} is encrypted or packed in an unusual way: store or deflate it")
        yield name, entry


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path) -> None:
    left = entry.file_size
    with opened.open(entry) as source, file.open("xb") as out:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BundleInvalid(f"the zip file's entry {entry.filename!r} is longer than the {entry.file_size} bytes that it states")
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
