"""A bundle on disk: a folder with `manifest.json` and one ONNX file a member. Never pickle.

Whatever is wrong with one is a `BundleInvalid` that names the file, quotes the value and says what to do. Members are read once, checked
against their sha256, and handed on as those very bytes: what was checked is what runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from elitscope.errors import ElitscopeError
from elitscope_models.graph import GraphInvalid, parse_graph
from elitscope_models.manifest import Architecture, ClassInfo, Manifest, Member, Name, Tolerance, Training
from elitscope_models.receptive import Receptive, receptive_field

__all__ = [
    "Architecture",
    "Bundle",
    "BundleInvalid",
    "ClassInfo",
    "Manifest",
    "Member",
    "Name",
    "Tolerance",
    "Training",
    "load_bundle",
    "read_manifest",
    "read_member",
    "sha256_of",
    "write_bundle",
]

MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20


class BundleInvalid(ElitscopeError, ValueError):
    """The bundle can't be used; the text names the file, the value and the remedy."""

    code = "bundle_invalid"


@dataclass(frozen=True)
class Bundle:
    """A readable bundle. `path`: its folder; `halo`: px around a pixel that can change its output, the largest over members."""

    path: Path
    manifest: Manifest
    halo: int

    @property
    def digest(self) -> str:
        """sha256 (hex) of the manifest, which holds every member's sha256: equal digests mean equal bundles."""
        return sha256_of(json.dumps(self.manifest.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode())


def load_bundle(path: str | os.PathLike[str], verify: bool = True) -> Bundle:
    """Read and check the bundle in folder `path`.

    Args:
        path: the bundle's folder.
        verify: read every member too: checksum and graph. Without it only the manifest is read, if the halo stands in it.

    Raises:
        BundleInvalid: anything is missing, changed, unknown, unsafe or not what the contract asks for.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    halo = manifest.architecture.halo
    if verify or halo is None:
        fields = [_check_graph(folder / member.file, _read_checked(folder, member), manifest) for member in manifest.members]
        halo = max([halo or 0, *(field.halo for field in fields if field is not None)])
    return Bundle(folder, manifest, halo)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """What the bundle in folder `path` says of itself. Nothing else of it is opened, so this is safe with a stranger's bundle.

    Raises:
        BundleInvalid: there is none, or it is not as it should be.
    """
    folder = Path(path)
    file = folder / MANIFEST
    if not file.is_file():
        raise BundleInvalid(f"{folder} is not a bundle: {MANIFEST} is missing")
    if file.stat().st_size > _MANIFEST_BYTES:
        raise BundleInvalid(f"{file} has {file.stat().st_size} bytes: a manifest has at most {_MANIFEST_BYTES}")
    try:
        content = json.loads(file.read_bytes(), object_pairs_hook=_unique_keys)
    except ValueError as error:
        raise BundleInvalid(f"{file} is not JSON ({error}): restore the file or write the bundle again") from error
    try:
        # strict JSON mode: lists become tuples, but "8" does not become 8
        return Manifest.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise BundleInvalid(f"{file}: {_in_words(error)}") from error


def read_member(bundle: Bundle, member_id: int) -> bytes:
    """The ONNX file of a member, its checksum verified once more: this is what a runtime compiles.

    Raises:
        BundleInvalid: the file is gone or has changed.
        KeyError: the bundle has no such member.
    """
    for member in bundle.manifest.members:
        if member.id == member_id:
            return _read_checked(bundle.path, member)
    raise KeyError(f"bundle {bundle.manifest.name!r} has no member {member_id}: it has {list(bundle.manifest.member_ids)}")


def write_bundle(path: str | os.PathLike[str], manifest: Manifest, member_onnx: Mapping[int, bytes], overwrite: bool = False) -> Bundle:
    """Write a bundle, all or nothing: into a folder beside `path`, checked there like any stranger's, then renamed.

    The same manifest and members give the same bytes. `Member.sha256` must be that of the given file (`sha256_of`).

    Args:
        path: the folder to make; its parent is made too.
        manifest: what it says.
        member_onnx: each member's ONNX file, by member id.
        overwrite: replace a bundle that is already there.

    Raises:
        BundleInvalid: manifest and members don't agree, a member is unusable, or `path` exists and isn't to be replaced.
    """
    target = Path(path)
    if sorted(member_onnx) != sorted(manifest.member_ids):
        raise BundleInvalid(f"{target}: members {sorted(member_onnx)} were given, but the manifest lists {sorted(manifest.member_ids)}")
    if target.exists() and not overwrite:
        raise BundleInvalid(f"{target} is already there: choose another folder or ask for it to be replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = workshop / "new"
        fresh.mkdir()
        for member in manifest.members:
            _write(fresh / member.file, member_onnx[member.id])
        _write(fresh / MANIFEST, (json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode())
        bundle = load_bundle(fresh)
        if target.exists():
            target.rename(workshop / "old")
        fresh.rename(target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return Bundle(target, bundle.manifest, bundle.halo)


def sha256_of(data: bytes) -> str:
    """Hex sha256, as the manifest wants it.

    >>> sha256_of(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError(f"a key is there twice among {sorted(key for key, _ in pairs)}")
    return content


def _in_words(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(map(str, problem["loc"])) or "manifest"
        value = "" if problem["type"] == "missing" or isinstance(problem["input"], dict) else f" {problem['input']!r:.80}"
        problems.append(f"{where}{value}: {problem['msg']}")
    return "; ".join(problems) + ": correct the manifest"


def _read_checked(folder: Path, member: Member) -> bytes:
    file = folder / member.file
    if file.is_symlink() or not file.is_file():
        raise BundleInvalid(f"{file}: member {member.id} is missing or not a plain file: restore it or take it out of {MANIFEST}")
    data = file.read_bytes()
    found = sha256_of(data)
    if found != member.sha256:
        raise BundleInvalid(
            f"{file}: sha256 is {found}, {MANIFEST} says {member.sha256}: it was changed or damaged; restore it or write the bundle again"
        )
    return data


def _check_graph(file: Path, data: bytes, manifest: Manifest) -> Receptive | None:
    try:
        field = receptive_field(parse_graph(data, len(manifest.classes)))
    except GraphInvalid as error:
        raise BundleInvalid(f"{file}: {error}") from error
    if field is None and manifest.architecture.halo is None:
        raise BundleInvalid(f"{file}: how far this network sees can't be read off its graph: state `architecture.halo` (px) in {MANIFEST}")
    if field is not None and manifest.stride % field.stride:
        raise BundleInvalid(f"{file}: the network pools on a grid of {field.stride} px, but `stride` in {MANIFEST} is {manifest.stride}")
    return field


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
