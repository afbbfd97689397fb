"""From an AtomAI file to a bundle: what AtomAI does not save, Å/px above all, has to be said by whoever brings the file along."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from elitscope_models.bundle import Architecture, ClassInfo, Manifest, Member, Training, sha256_of
from elitscope_models.graph import parse_graph
from elitscope_models.manifest import AtomKind, Atoms
from elitscope_models.normalise import MinMax, Normalisation
from elitscope_models.receptive import receptive_field
from elitscope_models.training.atomai import AtomAIFile, AtomAIInvalid
from elitscope_models.training.export import export

USUAL_RANGE = (0.8, 1.25)
"""Times the sampling: frames within are taken as they are where nothing else is known. AtomAI itself never resamples."""

LICENSE_UNKNOWN = "unknown: it is for whoever trained it to say"
TOLERANCE = 1e-4
"""Between torch and ONNX Runtime, in probability. Others' networks can be steeper than ours: on noise, which this is measured on, the order
of float32 additions alone moves those by some 2e-5."""

_UNCHECKED = "0" * 64


@dataclass(frozen=True)
class Origin:
    """What the file does not say. `sampling`, `sampling_range`: Å/px; `classes`: names of the foreground, in the file's order."""

    name: str
    release: str
    sampling: float
    sampling_range: tuple[float, float] | None = None
    classes: tuple[str, ...] | None = None
    normalisation: Normalisation = field(default_factory=MinMax)
    atoms: AtomKind = "weighted"
    domain: Literal["simulation", "experiment"] = "simulation"
    license: str = LICENSE_UNKNOWN


def draft(file: AtomAIFile, origin: Origin) -> Manifest:
    """The manifest but for what only the exported members tell: wishes that make no sense are refused before any work is done.

    Raises:
        AtomAIInvalid: another number of classes than the networks have.
        ValueError: anything else that a manifest does not hold.
    """
    shape = file.shape
    classes = origin.classes or _usual_classes(shape.unet.foreground)
    if len(classes) != shape.unet.foreground:
        raise AtomAIInvalid(
            f"{len(classes)} classes ({', '.join(classes)}) for networks with {shape.unet.foreground} besides background: name each of them"
        )
    options = {"batch_norm": shape.batch_norm, "dropout": shape.dropout, "with_dilation": shape.with_dilation}
    unet = asdict(shape.unet) | {"layers": list(shape.unet.layers)}  # as JSON gives it back
    low, high = origin.sampling_range or tuple(round(origin.sampling * factor, 6) for factor in USUAL_RANGE)
    return Manifest(
        name=origin.name,
        version=origin.release,
        classes=tuple(ClassInfo(name=name) for name in classes),
        sampling=origin.sampling,
        sampling_range=(low, high),
        stride=shape.unet.stride,
        normalisation=origin.normalisation,
        atoms=Atoms(kind=origin.atoms),
        architecture=Architecture(name="unet", parameters={**unet, **options}),
        members=tuple(Member(id=member, file=f"member-{member:02d}.onnx", sha256=_UNCHECKED) for member in file.weights),
        training=Training(
            recipe="atomai",
            data="unknown: trained with AtomAI",
            software=_software(),
            domain=origin.domain,
            calibrated=False,
            parameters={"file": file.path.name, "sha256": _digest(file.path)},
        ),
        license=origin.license,
    )


def export_member(file: AtomAIFile, member: int) -> bytes:
    """The member as an ONNX file, compared with torch.

    Raises:
        AtomAIInvalid: its numbers depend too much on who computes them.
    """
    try:
        return export(file.network(member), TOLERANCE)
    except RuntimeError as error:
        raise AtomAIInvalid(f"{file.path}: member {member}: {error}") from error


def complete(manifest: Manifest, members: Mapping[int, bytes]) -> Manifest:
    """The draft with the checksums of its members, and how far they see."""
    fields = [receptive_field(parse_graph(data, len(manifest.classes))) for data in members.values()]
    halo = max((seen.halo for seen in fields if seen), default=None)
    checked = tuple(member.model_copy(update={"sha256": sha256_of(members[member.id])}) for member in manifest.members)
    return manifest.model_copy(update={"members": checked, "architecture": manifest.architecture.model_copy(update={"halo": halo})})


def _usual_classes(count: int) -> tuple[str, ...]:
    return ("atom",) if count == 1 else tuple(f"class-{index}" for index in range(count))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _software() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("elitscope-service", "torch", "onnx")}}
