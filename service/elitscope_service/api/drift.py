"""What the drift monitor sees in a stream, and what it would do. Old figures are shown as such: as `stale`, with their age."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from elitscope_service.api.callers import Reader
from elitscope_service.api.drift_reading import Reading, read_advice, read_drift
from elitscope_service.api.in_force import Selected
from elitscope_service.api.problems import documented
from elitscope_service.api.responses import Engine
from elitscope_service.api.selection_view import Store, kept_autopilot
from elitscope_service.store.documents import Autopilot
from elitscope_service.store.drift import AdviceKind, AdviceRecord, AlarmRecord, AutopilotRecord, DriftRecord, HotspotRecord, Number

router = APIRouter(prefix="/v1/streams/{stream}", tags=["drift"])

_WHOSE: dict[str, Any] = {
    "stream": "haadf",
    "ensemble": "graphene",
    "revision": 7,
    "frame_id": 1204,
    "as_of": 1790000000.0,
    "age_s": 0.2,
    "stale": None,
}
_FOG = "network 3: fog 0.31, usually 0.06, since frame 1180"


class LookedAt(BaseModel):
    """Which frame it is about, and how old it is."""

    stream: str
    ensemble: str = Field(description="That the frame was analysed with")
    revision: int = Field(description="Of the selection that it was analysed under")
    frame_id: int = Field(description="The last frame that was looked at, as the client numbered it")
    as_of: float = Field(description="Unix time in seconds at which it was looked at")
    age_s: float = Field(description="Seconds since then")
    stale: str | None = Field(description="Why this is not the present; null where it is")


class MemberSignals(BaseModel):
    """One network."""

    id: int
    signals: dict[str, Number] = Field(description="Signal → value; null where it can't be computed")


class DriftView(LookedAt):
    """A stream as the drift monitor sees it. What each signal is stands in the documentation, with its unit and range."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_WHOSE,
                    "state": "watching",
                    "score": 1.0,
                    "scores": {"fog": 1.0, "sharpness": 0.2},
                    "alarms": [{"signal": "fog", "member": 3, "began_frame_id": 1180, "value": 0.31, "usual": 0.06, "text": _FOG}],
                    "signals": {"spread": 0.09, "sharpness": 0.41},
                    "members": [{"id": 3, "signals": {"fog": 0.31, "short_pairs": 0.12}}],
                    "hotspots": [{"row": 212.0, "column": 87.5, "radius": 6.0, "kind": "support", "strength": 1.8}],
                    "looks": 1204,
                }
            ]
        }
    )

    state: Literal["learning", "watching", "stale"] = Field(
        description="learning: what is usual is not known yet, so that only fixed limits raise alarms; stale: as `stale` says"
    )
    score: Number = Field(description="The largest of `scores`: 1 is an alarm; null before there is any")
    scores: dict[str, Number] = Field(description="Signal → how near it is to an alarm, 1: there; the worst network's where each has one")
    alarms: list[AlarmRecord] = Field(description="Those that are on")
    signals: dict[str, Number] = Field(description="Signals of the whole frame → value; null where it can't be computed")
    members: list[MemberSignals] = Field(description="Signals of each network that took part")
    hotspots: list[HotspotRecord] = Field(description="Of this frame, the strongest first")
    looks: int = Field(description="Frames that were looked at since the monitor began with this ensemble")


class RecommendationView(LookedAt):
    """What the drift monitor would do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_WHOSE,
                    "kind": "members",
                    "members": [0, 1, 2],
                    "use": None,
                    "reasons": ["expected F1 0.962 instead of 0.921", "without network 3: fog 0.31, 5.2 times the others'"],
                    "confidence": 0.97,
                    "frames": [],
                    "since_frame_id": 1201,
                    "autopilot": {"mode": "advise", "state": "advising", "why": "what is advised is told, and done by nobody"},
                }
            ]
        }
    )

    kind: AdviceKind = Field(
        description="no_change; members: have `members` active; ensemble: change to `use`; retrain: no selection does well, and `frames` "
        "are good enough to train on"
    )
    members: list[int] | None = Field(description="Those to have active, where that is advised")
    use: str | None = Field(description="The ensemble to change to, where that is advised")
    reasons: list[str] = Field(description="In words and figures, the weightiest first")
    confidence: Number = Field(description="How sure it is, 0–1")
    frames: list[int] = Field(description="Ids of frames to train on, where that is advised")
    since_frame_id: int = Field(description="The frame since which the same is advised")
    autopilot: AutopilotRecord = Field(description="Whether the autopilot does it, and why not")


@router.get("/drift", responses=documented(404, 422, 503), summary="What the drift monitor sees")
async def drift(selected: Selected, engine: Engine, store: Store, who: Reader) -> DriftView:
    """Figures of the last frame that was looked at, at most five a second. With the store down the answer is 503: what is in it is old."""
    reading = await read_drift(store, selected, engine, time.time())
    record = reading.record
    return DriftView(
        **_seen(reading),
        state="stale" if reading.stale else record.state,
        score=record.score,
        scores=record.scores,
        alarms=list(record.alarms),
        signals=record.frame,
        members=[MemberSignals(id=member, signals=signals) for member, signals in sorted(record.members.items())],
        hotspots=list(record.hotspots),
        looks=record.looks,
    )


@router.get("/recommendation", responses=documented(404, 422, 503), summary="What the drift monitor would do")
async def recommendation(selected: Selected, engine: Engine, store: Store, who: Reader) -> RecommendationView:
    """It is there in every mode of the autopilot; `advise` has it told as an event too, `act` has it done."""
    reading = await read_advice(store, selected, engine, time.time())
    record, mode = reading.record, await kept_autopilot(store, selected.stream)
    return RecommendationView(
        **_seen(reading),
        kind=record.kind,
        members=None if record.members is None else list(record.members),
        use=record.use,
        reasons=list(record.reasons),
        confidence=record.confidence,
        frames=list(record.frames),
        since_frame_id=record.since_frame_id,
        autopilot=record.autopilot if record.autopilot.mode == mode.mode else _not_heard(mode),
    )


def _seen(reading: Reading[DriftRecord] | Reading[AdviceRecord]) -> dict[str, Any]:
    record = reading.record
    return {
        "stream": record.stream,
        "ensemble": record.ensemble,
        "revision": record.revision,
        "frame_id": record.frame_id,
        "as_of": record.at,
        "age_s": round(reading.age_s, 3),
        "stale": reading.stale or None,
    }


def _not_heard(mode: Autopilot) -> AutopilotRecord:
    """The mode was set after the last frame that the monitor saw."""
    state: Literal["off", "waiting"] = "off" if mode.mode == "off" else "waiting"
    return AutopilotRecord(mode=mode.mode, state=state, why="no frame has come since its mode was set")
