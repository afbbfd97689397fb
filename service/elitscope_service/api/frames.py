"""The last analysed frame of a stream to read: where it comes from, its figures, and its atoms as JSON, CSV or Arrow."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from elitscope_service.api.accept import preferred
from elitscope_service.api.atom_tables import ARROW, CSV, JSON, write_atoms
from elitscope_service.api.callers import Reader
from elitscope_service.api.frame_figures import frame_figures
from elitscope_service.api.in_force import Selected
from elitscope_service.api.latest_frame import LatestFrame, described
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.shown import FRAME_HEADERS, NOT_MODIFIED, LiveFeed, frame_headers, not_modified, off_the_loop, shown
from elitscope_service.publications import PREVIEW

router = APIRouter(prefix="/v1/streams/{stream}/frames/latest", tags=["frames"])

_LATEST: dict[int | str, dict[str, Any]] = {
    200: {"description": "The frame", "headers": FRAME_HEADERS},
    **NOT_MODIFIED,
    **documented(403, 404, 422, 503),
}
_ATOMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Where the atoms are, in px of the frame; sigmas null, empty or NaN where fewer than two networks see one",
        "content": {
            JSON: {
                "schema": {"type": "object"},
                "example": {
                    "stream": "haadf",
                    "frame_id": 41,
                    "sequence": 41,
                    "epoch": "9f3c",
                    "ensemble": "graphene",
                    "ensemble_version": "1",
                    "members": [0, 1, 4],
                    "revision": 7,
                    "classes": ["C"],
                    "sampling": [0.12, 0.12],
                    "atoms": [
                        {
                            "row": 12.25,
                            "column": 40.5,
                            "class_id": 0,
                            "probability": 0.91,
                            "support": 1.0,
                            "sigma_row": 0.12,
                            "sigma_column": 0.1,
                            "area": 52.0,
                            "class": "C",
                        }
                    ],
                },
            },
            CSV: {
                "schema": {"type": "string"},
                "example": "row,column,class_id,probability,support,sigma_row,sigma_column,area,class\r\n"
                "12.25,40.5,0,0.91,1.0,0.12,0.1,52.0,C\r\n",
            },
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": FRAME_HEADERS,
    },
    **NOT_MODIFIED,
    **documented(403, 404, 406, 422, 503),
}


@router.get("", summary="The last analysed frame", response_model=LatestFrame, responses=_LATEST)
async def read_latest(request: Request, response: Response, feed: LiveFeed, selected: Selected, reader: Reader) -> Any:
    message = await shown(PREVIEW, selected, feed)
    headers = frame_headers(message.result)
    if (same := not_modified(request, headers)) is not None:
        return same
    response.headers.update(headers)
    figures = await off_the_loop(request, frame_figures, message.result)
    return described(message, figures)


@router.get("/atoms", summary="The atoms, as JSON, CSV or Arrow by Accept", response_class=Response, responses=_ATOMS)
async def read_atoms(request: Request, feed: LiveFeed, selected: Selected, reader: Reader) -> Response:
    media_type = preferred(request.headers.get("accept"), (JSON, CSV, ARROW))
    if media_type is None:
        wanted = request.headers.get("accept", "")[:80]
        raise coded("not_acceptable", f"atoms come as {JSON}, {CSV} or {ARROW}, not as {wanted!r}: say one of them in Accept")
    result = (await shown(PREVIEW, selected, feed)).result
    headers = {**frame_headers(result), "Vary": "Accept"}
    if (same := not_modified(request, headers)) is not None:
        return same
    return Response(await off_the_loop(request, write_atoms, result, media_type), headers=headers, media_type=media_type)
