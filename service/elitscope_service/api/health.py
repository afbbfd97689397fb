"""Whether this process lives, and whether the server as a whole can be used."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from elitscope_service.api.engine_view import STALE_S, Seen
from elitscope_service.api.problems import ProblemError, documented
from elitscope_service.api.responses import View
from elitscope_service.status import EnsembleState

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The API process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Frames can be sent."""

    status: Literal["ready"] = "ready"
    epoch: str
    ensembles: list[str]


@router.get("/healthz", summary="The API process is alive")
async def healthz() -> Health:
    return Health()


@router.get("/readyz", responses=documented(503), summary="The engine is alive and an ensemble is ready")
async def readyz(view: View) -> Readiness:
    seen = view.read()
    missing = what_is_missing(seen)
    if seen is None or missing:
        raise ProblemError(503, "not_ready", missing)
    return Readiness(epoch=seen.status.epoch, ensembles=_ready_names(seen))


def what_is_missing(seen: Seen | None) -> str:
    """Why frames can't be sent, in words; empty where they can."""
    if seen is None:
        return "nothing has been heard from the engine yet"
    if seen.stale:
        return f"the engine has been silent for {seen.age_s:.1f} s, more than {STALE_S:g} s: it is being started again if it has ended"
    if seen.status.draining:
        return "the server is shutting down"
    if not _ready_names(seen):
        states = ", ".join(f"{e.name} {e.state}{f' ({e.why})' if e.why else ''}" for e in seen.status.ensembles) or "none found"
        return f"no ensemble is ready: {states}"
    return ""


def _ready_names(seen: Seen) -> list[str]:
    return [e.name for e in seen.status.ensembles if e.state is EnsembleState.READY]
