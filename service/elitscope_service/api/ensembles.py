"""The registry: which ensembles there are, and in what state."""

from __future__ import annotations

from fastapi import APIRouter

from elitscope_service.api.problems import ProblemError, documented
from elitscope_service.api.responses import Engine, Ensemble, EnsembleList

router = APIRouter(prefix="/v1/ensembles", tags=["ensembles"])


@router.get("", responses=documented(503), summary="Every ensemble that was found")
async def list_ensembles(engine: Engine) -> EnsembleList:
    status = engine.status
    return EnsembleList(as_of=status.at, stale=engine.stale, default=status.default_ensemble, ensembles=list(status.ensembles))


@router.get("/{name}", responses=documented(404, 422, 503), summary="One ensemble")
async def read_ensemble(name: str, engine: Engine) -> Ensemble:
    for ensemble in engine.status.ensembles:
        if ensemble.name == name:
            return Ensemble(as_of=engine.status.at, stale=engine.stale, **dict(ensemble))
    known = ", ".join(e.name for e in engine.status.ensembles) or "none"
    raise ProblemError(404, "ensemble_unknown", f"there is no ensemble {name!r}: there are {known}")
