"""The registry: which ensembles there are, in what state, and how they come, get ready and go."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from elitscope_service.api.callers import Admin, Caller, Reader
from elitscope_service.api.ensemble_changes import EnsembleChanges, Submitted
from elitscope_service.api.orders import IdempotencyKey
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.receiving import Receiver
from elitscope_service.api.responses import Engine, Ensemble, EnsembleList, View
from elitscope_service.api.selection_view import Store
from elitscope_service.orders import make_order
from elitscope_service.status import EnsembleState, EnsembleStatus
from elitscope_service.store.documents import EnsembleRecord, EnsembleWish

router = APIRouter(prefix="/v1/ensembles", tags=["ensembles"])

WAIT_S = 10.0
UPLOAD_WAIT_S = 60.0

EnsembleName = Annotated[str, Path(min_length=1, max_length=255, description="The ensemble", examples=["graphene"])]
Reason = Annotated[str, Query(max_length=500, description="Why: it stands in the audit")]
Patience = Annotated[
    float, Query(ge=0, le=120, allow_inf_nan=False, description="Seconds to wait until it is ready; 202 where it takes longer")
]
ContentLength = Annotated[int, Header(ge=0, le=1 << 50, include_in_schema=False)]

_BODY = {"requestBody": {"required": True, "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}
_CHANGE = documented(404, 409, 422, 429, 503, 504, 507)
_LATER: dict[int | str, dict[str, Any]] = {202: {"model": EnsembleStatus, "description": "It takes longer: an event `ensemble` follows"}}


def changes_of(request: Request, store: Store, view: View) -> EnsembleChanges:
    """Who carries out wishes."""
    return EnsembleChanges(store, view, request.app.state.clock)


def receiver_of(request: Request) -> Receiver:
    """Who takes uploads in.

    Raises:
        ProblemError: the application was built without.
    """
    receiver: Receiver | None = request.app.state.receiver
    if receiver is None:
        raise coded("store_unavailable", "this server has no data folder: nothing can be uploaded")
    return receiver


Changes = Annotated[EnsembleChanges, Depends(changes_of)]
Uploads = Annotated[Receiver, Depends(receiver_of)]


@router.get("", responses=documented(503), summary="Every ensemble that was found")
async def list_ensembles(engine: Engine, who: Reader) -> EnsembleList:
    status = engine.status
    return EnsembleList(as_of=status.at, stale=engine.stale, default=status.default_ensemble, ensembles=list(status.ensembles))


@router.get("/{name}", responses=documented(404, 422, 503), summary="One ensemble")
async def read_ensemble(name: EnsembleName, engine: Engine, who: Reader) -> Ensemble:
    for ensemble in engine.status.ensembles:
        if ensemble.name == name:
            return Ensemble(as_of=engine.status.at, stale=engine.stale, **dict(ensemble))
    known = ", ".join(e.name for e in engine.status.ensembles) or "none"
    raise coded("ensemble_unknown", f"there is no ensemble {name!r}: there are {known}")


@router.post("", status_code=201, openapi_extra=_BODY, responses={**_LATER, **_CHANGE}, summary="Bring a bundle, as a zip file")
async def upload_ensemble(
    request: Request,
    who: Admin,
    changes: Changes,
    uploads: Uploads,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    content_length: ContentLength = 0,
) -> EnsembleStatus:
    """The zip file holds `manifest.json` and the ONNX files that it names, flat or in one folder; README, LICENSE and CHANGELOG may come.

    Sizes, names, checksums and graphs are checked; nothing is run before it is loaded. It can be loaded and, in the end, deleted.
    """
    limiter = request.app.state.uploading
    if limiter.borrowed_tokens >= limiter.total_tokens:
        raise coded("rate_limited", f"{limiter.total_tokens} uploads are under way: send this one when they are done")
    async with limiter:
        try:
            received = await uploads.receive(request.stream(), content_length)
        except ClientDisconnect:
            raise coded("request_invalid", "the sender hung up before it had sent everything") from None
    submitted = None
    try:
        wish, fingerprint = _wish("upload", None, who, "", idempotency_key, received.sha256)
        submitted = await changes.submit(wish.model_copy(update={"archive": received.file.name}), fingerprint)
    finally:
        if submitted is None or submitted.repeated:
            received.file.unlink(missing_ok=True)
    record = await changes.outcome(submitted, UPLOAD_WAIT_S)
    if record.ensemble is not None:
        response.headers["Location"] = f"{router.prefix}/{record.ensemble.name}"
    return _answer(record, None, response)


@router.post("/{name}/load", responses={**_LATER, **_CHANGE}, summary="Check it, load it, and have it ready to be used")
async def load_ensemble(
    name: EnsembleName,
    who: Admin,
    changes: Changes,
    response: Response,
    wait_s: Patience = WAIT_S,
    reason: Reason = "",
    idempotency_key: IdempotencyKey = None,
) -> EnsembleStatus:
    """It is checked and run in a process of its own first, with bounded memory and time, and frames go on meanwhile.

    One that fails leaves everything else as it was.
    """
    submitted = await _submit(changes, "load", name, who, reason, idempotency_key)
    return _answer(await changes.outcome(submitted, wait_s), name, response)


@router.post("/{name}/unload", responses=_CHANGE, summary="Give its memory back")
async def unload_ensemble(
    name: EnsembleName, who: Admin, changes: Changes, response: Response, reason: Reason = "", idempotency_key: IdempotencyKey = None
) -> EnsembleStatus:
    """Refused while a stream, or `default`, is analysed with it."""
    submitted = await _submit(changes, "unload", name, who, reason, idempotency_key)
    return _answer(await changes.outcome(submitted, WAIT_S), name, response)


@router.delete("/{name}", status_code=204, responses=_CHANGE, summary="Remove one that was uploaded")
async def delete_ensemble(
    name: EnsembleName, who: Admin, changes: Changes, reason: Reason = "", idempotency_key: IdempotencyKey = None
) -> None:
    """Refused while a stream, or `default`, is analysed with it, and for those that were not uploaded."""
    submitted = await _submit(changes, "delete", name, who, reason, idempotency_key)
    await changes.outcome(submitted, WAIT_S)


async def _submit(changes: EnsembleChanges, action: Any, name: str, who: Caller, reason: str, key: str | None) -> Submitted:
    return await changes.submit(*_wish(action, name, who, reason, key, name))


def _wish(action: Any, name: str | None, who: Caller, reason: str, key: str | None, asked: str) -> tuple[EnsembleWish, str]:
    """A wish, and the fingerprint of what is asked for."""
    order = make_order("", action, who, reason, time.time(), [action, asked], key)
    wish = EnsembleWish(
        action=action, ensemble=name, author=order.author, role=order.role, reason=reason, at=order.at, command=order.command
    )
    return wish, order.fingerprint


def _answer(record: EnsembleRecord, name: str | None, response: Response) -> EnsembleStatus:
    """The ensemble as it is now; with 202 where that is not the end of it."""
    if not record.is_settled:
        response.status_code = 202
        return EnsembleStatus(name=name or "", state=EnsembleState.LOADING, path="")
    if record.ensemble is None:
        raise coded("ensemble_unknown", f"ensemble {name!r} was deleted meanwhile")
    return record.ensemble
