"""The networks of a stream's ensemble, side by side: which are in force, and what each makes of the last frame."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from elitscope.errors import StoreUnavailable
from elitscope.messages import ResultMessage
from elitscope.types import AtomTable
from elitscope_models import member_figures
from elitscope_service.api.callers import Reader
from elitscope_service.api.drift_reading import fresh_drift
from elitscope_service.api.engine_view import Seen
from elitscope_service.api.frame_figures import THRESHOLD
from elitscope_service.api.in_force import InForce, Selected
from elitscope_service.api.problems import documented
from elitscope_service.api.responses import Engine, Fresh
from elitscope_service.api.shown import PATIENCE_S, LiveFeed, not_modified, off_the_loop
from elitscope_service.publications import INACTIVE, MEMBERS, topic
from elitscope_service.store.drift import DriftRecord, Number

router = APIRouter(prefix="/v1/streams/{stream}/members", tags=["members"])


class Figures(BaseModel):
    """What one network makes of a frame; null where it can't be computed."""

    pixel_agreement: float | None = Field(
        description="Sum of the smaller over sum of the larger probabilities, of its map and the mean of the other active ones, 0–1"
    )
    atom_agreement: float | None = Field(description="Fraction of the ensemble's atoms that it sees by itself, 0–1")
    probability_at_atoms: float | None = Field(description="Its mean probability at the ensemble's atoms, 0–1")
    detections: int = Field(description="Connected regions that it sees by itself; what touches counts as one")
    fog: float | None = Field(description="Share of its probability that lies outside what it sees as atoms, 0–1: above 0.4 it is guessing")


class AnalysedFrame(BaseModel):
    """The frame that figures are about."""

    frame_id: int
    sequence: int = Field(description="Number of the result in its stream, within `epoch`")
    epoch: str = Field(description="Names the run of the engine")
    revision: int = Field(description="Of the selection that it was analysed under")
    atoms: int = Field(description="Atoms that the ensemble found in it")


class LiveMember(BaseModel):
    """One network."""

    id: int
    active: bool = Field(description="Whether frames are analysed with it")
    metrics: dict[str, float] = Field(description="Figures on its test set, from the bundle")
    figures: Figures | None = Field(description="On the last frame; deselected networks are run when no frame waits, so theirs is older")
    frame: AnalysedFrame | None = Field(description="The frame that they are about")
    image: str | None = Field(description="Path of its map")
    signals: dict[str, Number] | None = Field(
        default=None, description="What the drift monitor saw of it within the last seconds; null where it saw nothing"
    )
    alarms: list[str] = Field(default=[], description="Drift alarms about it, in words")


class LiveMembers(Fresh):
    """Every network of a stream's ensemble."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": 1790000000.0,
                    "stale": False,
                    "stream": "haadf",
                    "ensemble": "graphene",
                    "revision": 7,
                    "members": [
                        {
                            "id": 0,
                            "active": True,
                            "metrics": {"iou": 0.84},
                            "figures": {
                                "pixel_agreement": 0.91,
                                "atom_agreement": 0.99,
                                "probability_at_atoms": 0.88,
                                "detections": 412,
                                "fog": 0.07,
                            },
                            "frame": {"frame_id": 41, "sequence": 41, "epoch": "9f3c", "revision": 7, "atoms": 411},
                            "image": "/v1/streams/haadf/frames/latest/members/0.png",
                            "signals": {"fog": 0.07, "short_pairs": 0.01},
                            "alarms": [],
                        }
                    ],
                }
            ]
        }
    )

    stream: str
    ensemble: str
    revision: int = Field(description="Of the selection in force")
    members: list[LiveMember]


@router.get("", summary="Each network of a stream, with live figures", responses=documented(404, 422, 503), response_model=LiveMembers)
async def read_members(request: Request, response: Response, feed: LiveFeed, selected: Selected, engine: Engine, reader: Reader) -> Any:
    metrics = _metrics(engine, selected)
    wanted = [MEMBERS] if metrics.keys() <= selected.members else [MEMBERS, INACTIVE]
    found = await asyncio.gather(*(feed.latest(topic(kind, selected.stream), PATIENCE_S) for kind in wanted))
    messages = [message for message in found if message is not None and message.result.ensemble == selected.ensemble]
    drift = await _drift(request, selected)
    seen = [] if drift is None else [f"d{drift.frame_id}"]
    tag = "-".join([str(selected.revision), *seen, *(f"{m.result.epoch}.{m.result.sequence}" for m in messages)])
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-store"}
    if (same := not_modified(request, headers)) is not None:
        return same
    response.headers.update(headers)
    measured: dict[int, tuple[Figures, AnalysedFrame]] = {}
    for message in reversed(messages):
        measured.update(await off_the_loop(request, _measure, message))
    return LiveMembers(
        as_of=engine.status.at,
        stale=engine.stale,
        stream=selected.stream,
        ensemble=selected.ensemble,
        revision=selected.revision,
        members=[_described(member, selected, metrics[member], measured.get(member), drift) for member in sorted(metrics)],
    )


def _metrics(engine: Seen, selected: InForce) -> Mapping[int, dict[str, float]]:
    """Every member's, by id; those that are in force at least, should the registry not know the ensemble any more."""
    known = {member: dict[str, float]() for member in selected.members}
    for ensemble in engine.status.ensembles:
        if ensemble.name == selected.ensemble:
            known.update({member.id: dict(member.metrics) for member in ensemble.members})
    return known


def _measure(message: ResultMessage) -> dict[int, tuple[Figures, AnalysedFrame]]:
    """The figures of every network whose map came with a publication, by id."""
    result, maps = message.result, message.result.member_maps
    if maps is None or result.atoms is None:
        return {}
    atoms: AtomTable = result.atoms
    if result.mean is None:  # networks in force: compared with each other
        each = member_figures.active_figures(maps, atoms, THRESHOLD)
    else:
        mean = result.mean
        each = [member_figures.figures_of(own, mean, atoms, THRESHOLD) for own in maps]
    frame = AnalysedFrame(
        frame_id=result.frame_id, sequence=result.sequence, epoch=result.epoch, revision=result.revision, atoms=len(atoms)
    )
    return {member: (_plain(figures), frame) for member, figures in zip(result.members, each, strict=True)}


def _plain(figures: member_figures.MemberFigures) -> Figures:
    return Figures.model_validate({name: round(value, 6) if math.isfinite(value) else None for name, value in asdict(figures).items()})


async def _drift(request: Request, selected: InForce) -> DriftRecord | None:
    """What the drift monitor saw of the stream, if that is still the present and can be read."""
    if request.app.state.store is None:
        return None
    try:
        found = await fresh_drift(request.app.state.store, [selected.stream], time.time())
    except StoreUnavailable:
        return None
    return next((record for record in found if record.ensemble == selected.ensemble), None)


def _described(
    member: int,
    selected: InForce,
    metrics: dict[str, float],
    measured: tuple[Figures, AnalysedFrame] | None,
    drift: DriftRecord | None,
) -> LiveMember:
    figures, frame = measured or (None, None)
    image = None if measured is None else f"/v1/streams/{quote(selected.stream)}/frames/latest/members/{member}.png"
    return LiveMember(
        id=member,
        active=member in selected.members,
        metrics=metrics,
        figures=figures,
        frame=frame,
        image=image,
        signals=None if drift is None else drift.members.get(member),
        alarms=[] if drift is None else [alarm.text for alarm in drift.alarms if alarm.member == member],
    )
