"""Whether this process lives, and whether the server as a whole can be used."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from elitscope_service.api.engine_view import STALE_S, Seen
from elitscope_service.api.problems import ProblemError, documented
from elitscope_service.api.responses import View
from elitscope_service.status import EnsembleState
from elitscope_service.store.connect import StoreUnavailable, store_errors

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


@router.get("/readyz", responses=documented(503), summary="The engine is alive, an ensemble is ready and the store answers")
async def readyz(view: View, request: Request) -> Readiness:
    seen = view.read()
    missing = what_is_missing(seen) or await _store_trouble(request.app.state.store)
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


async def _store_trouble(store: Any) -> str:
    """Why nothing can be changed, in words; empty where it can. (Frames are analysed all the same.)"""
    if store is None:
        return ""
    try:
        with store_errors():
            await store.ping()
    except StoreUnavailable as error:
        return str(error)
    return ""


def _ready_names(seen: Seen) -> list[str]:
    return [e.name for e in seen.status.ensembles if e.state is EnsembleState.READY]
