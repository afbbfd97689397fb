"""The document about the last analysed frame."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import BaseModel, Field

from elitscope.messages import ResultMessage
from elitscope_service.api.frame_figures import FrameFigures


class StageTimes(BaseModel):
    """Where the frame's time went in the server, in milliseconds."""

    queue_ms: float
    preprocess_ms: float
    inference_ms: float
    atoms_ms: float
    total_ms: float = Field(description="From receipt to the reply")


class Links(BaseModel):
    """Paths of what belongs to the frame; the latest one's, so that `X-Elitscope-Frame` of their answers says which it has become."""

    image: str
    mean: str
    std: str | None = Field(description="null with one active network: it has no spread")
    atoms: str
    members: dict[int, str] = Field(description="Each network's own map, by id")


class LatestFrame(BaseModel):
    """The last analysed frame, and what made its numbers."""

    stream: str
    frame_id: int = Field(description="As the client numbered it")
    sequence: int = Field(description="Number of the result in its stream, within `epoch`")
    epoch: str = Field(description="Names the run of the engine")
    ensemble: str
    ensemble_version: str
    members: tuple[int, ...] = Field(description="Ids of the networks that made it")
    revision: int = Field(description="Of the selection that it was analysed under")
    plan: str = Field(description="Runtime, device, precision and graph digest")
    classes: tuple[str, ...]
    sampling: tuple[float, float] | None = Field(description="Å/px (row, column), null where unknown")
    shape: tuple[int, ...] = Field(description="(rows, columns)")
    warnings: tuple[str, ...] = Field(description="What to beware of: a code, sometimes followed by a colon and words")
    timing: StageTimes
    figures: FrameFigures
    links: Links


def described(message: ResultMessage, figures: FrameFigures) -> LatestFrame:
    """The document of a publication that brings the frame, its mean, std and atoms."""
    result = message.result
    base = f"/v1/streams/{quote(result.stream)}/frames/latest"
    shape = message.frame.shape if message.frame is not None else () if result.mean is None else result.mean.shape[1:]
    return LatestFrame(
        stream=result.stream,
        frame_id=result.frame_id,
        sequence=result.sequence,
        epoch=result.epoch,
        ensemble=result.ensemble,
        ensemble_version=result.ensemble_version,
        members=result.members,
        revision=result.revision,
        plan=result.plan,
        classes=result.classes,
        sampling=result.sampling,
        shape=shape,
        warnings=result.warnings,
        timing=StageTimes(**vars(result.timing)),
        figures=figures,
        links=Links(
            image=f"{base}.png",
            mean=f"{base}/mean.png",
            std=None if result.std is None else f"{base}/std.png",
            atoms=f"{base}/atoms",
            members={member: f"{base}/members/{member}.png" for member in result.members},
        ),
    )
