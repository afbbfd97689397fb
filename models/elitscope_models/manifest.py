"""What a bundle says about itself: the schema of `manifest.json`.

One frozen model; unknown keys are refused, so that a misspelt field is an error today and not a surprise in the middle of an experiment.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from elitscope_models.normalise import Normalisation

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""Names of ensembles and streams: they become folder names, store keys and metric labels."""

Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.+-]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.onnx$")]
"""A plain file name inside the bundle's folder: no separators, so no way out of it."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Angstrom = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(gt=0, le=1)]
AtomKind = Literal["weighted", "atomai"]
"""`elitscope_models.atoms` says what the two are."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassInfo(_Part):
    """One foreground class, in the order of the networks' output channels."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    element: Annotated[str, StringConstraints(max_length=64)] | None = None


class Architecture(_Part):
    """The network that all members share. `halo`: how many px around a pixel can change its output; read off the graph where left out."""

    name: str
    halo: Annotated[int, Field(ge=0, le=4096)] | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class Member(_Part):
    """One trained network of the ensemble. `metrics`: figures on its test set, `iou` say."""

    id: Annotated[int, Field(ge=0, le=65535)]
    file: FileName
    sha256: Sha256
    metrics: dict[str, float] = Field(default_factory=dict)


class Training(_Part):
    """How the members came about; `domain` and `calibrated` decide whether their spread may be taken at its word (ELIT paper)."""

    recipe: str
    seed: int | None = None
    data: str
    software: dict[str, str] = Field(default_factory=dict)
    domain: Literal["simulation", "experiment"]
    calibrated: bool = False
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def mask_radius(self) -> float:
        """Å, of the discs that the members were trained to draw; half an ångström where `parameters` do not say."""
        stated = self.parameters.get("mask_radius")
        return float(stated) if isinstance(stated, int | float) and stated > 0 else 0.5


class Atoms(_Part):
    """How atoms are read off the mean map: `weighted` (blobs divided, pixels weighted by probability) or as `atomai` has it."""

    kind: AtomKind = "weighted"


class Tolerance(_Part):
    """How far two plans (runtime, device, precision) may differ: probabilities on average over a frame, and positions of atoms."""

    mean: Probability = 0.01
    std: Probability = 0.01
    coordinates_px: Annotated[float, Field(gt=0, le=10)] = 0.05


class SigmaCalibration(_Part):
    """With `members` active ones, the error of a place along an axis is √((factor · spread)² + floor²); `floor` in Å."""

    members: Annotated[int, Field(ge=2, le=64)]
    factor: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    floor: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class PrecisionCalibration(_Part):
    """With `members` active ones, the share of atoms that proved right, over support times probability: linear between the points, level
    beyond them."""

    members: Annotated[int, Field(ge=1, le=64)]
    evidence: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=64)]
    precision: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ascending = all(low < high for low, high in pairwise(self.evidence))
        if len(self.evidence) != len(self.precision) or not ascending:
            raise ValueError(f"evidence {self.evidence} is not ascending, or has not as many values as precision {self.precision}")
        return self


class Calibration(_Part):
    """What spread and support proved to mean on frames with known atoms (`elitscope_models.drift.calibration`), by number of active
    members: the entry of the nearest smaller number counts, or the first. `data`: those frames, in words."""

    data: str
    sigma: Annotated[tuple[SigmaCalibration, ...], Field(max_length=64)] = ()
    precision: Annotated[tuple[PrecisionCalibration, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, entries in (("sigma", self.sigma), ("precision", self.precision)):
            numbers = [entry.members for entry in entries]
            if numbers != sorted(set(numbers)):
                raise ValueError(f"calibration.{what} has numbers of members {numbers}: give each once, in ascending order")
        return self


class Manifest(_Part):
    """`manifest.json` of a bundle (contract, "Bundle").

    `sampling` is the Å/px that the networks were trained at, `sampling_range` where they still work without resampling; the sides that they
    accept are multiples of `stride`.
    """

    format_version: Literal[1] = 1
    name: Name
    version: Version
    classes: Annotated[tuple[ClassInfo, ...], Field(min_length=1, max_length=16)]
    sampling: Angstrom
    sampling_range: tuple[Angstrom, Angstrom]
    stride: Annotated[int, Field(ge=1, le=256)]
    normalisation: Normalisation
    atoms: Atoms = Atoms()
    architecture: Architecture
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=64)]
    training: Training
    tolerance: Tolerance = Tolerance()
    calibration: Calibration | None = None
    license: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.sampling_range
        if not low <= self.sampling <= high:
            raise ValueError(f"sampling {self.sampling} lies outside sampling_range [{low}, {high}]")
        _refuse_repeats("class", [c.name for c in self.classes])
        _refuse_repeats("member id", [m.id for m in self.members])
        _refuse_repeats("member file", [m.file for m in self.members])
        return self

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A bundle that is not calibrated reads, and has the digest, as before there was such a thing."""
        content: dict[str, Any] = dump(self)
        if content.get("calibration", ...) is None:
            del content["calibration"]
        return content

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.classes)

    @property
    def member_ids(self) -> tuple[int, ...]:
        return tuple(m.id for m in self.members)

    def with_atoms(self, kind: AtomKind) -> Manifest:
        """The same bundle with atoms of another kind: other numbers, so other plans."""
        return self.model_copy(update={"atoms": Atoms(kind=kind)})


def _refuse_repeats(what: str, values: list[Any]) -> None:
    repeated = sorted({v for v in values if values.count(v) > 1})
    if repeated:
        raise ValueError(f"{what} {', '.join(map(repr, repeated))} is there more than once")
