"""The last analysed frame as pictures: itself with its atoms, the maps, and each network's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from elitscope.types import Result
from elitscope_service.api.callers import Reader
from elitscope_service.api.in_force import Selected
from elitscope_service.api.pictures import Array, fitting_scale, frame_picture, map_picture, one_map, png
from elitscope_service.api.problems import coded, documented
from elitscope_service.api.shown import FRAME_HEADERS, NOT_MODIFIED, LiveFeed, frame_headers, not_modified, off_the_loop, shown
from elitscope_service.publications import INACTIVE, MEMBERS, PREVIEW, topic

router = APIRouter(prefix="/v1/streams/{stream}/frames/latest", tags=["frames"])

Scale = Annotated[float, Query(gt=0, le=1, description="px of the picture per px of the frame; no side gets longer than 4096 px")]
ColourMap = Annotated[Literal["cividis", "viridis"], Query(alias="map", description="Colours, both readable with colour-blindness")]
ClassName = Annotated[str | None, Query(alias="class", description="Class to show; without it, the largest value of all")]
MemberId = Annotated[int, Path(ge=0, description="Id of the network", examples=[0])]
Top = Annotated[float, Query(alias="max", gt=0, le=1, allow_inf_nan=False, description="Value that gets the last colour; above it too")]

STD_TOP = 0.25
"""Half of the largest standard deviation that values from 0 to 1 can have: the default scale of spread, the same for every frame."""

_PNG: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            **FRAME_HEADERS,
            "X-Elitscope-Scale": {"description": "px of the picture per px of the frame", "schema": {"type": "number"}},
            "X-Elitscope-Max": {"description": "Maps: the value that gets the last colour", "schema": {"type": "number"}},
        },
    },
    **NOT_MODIFIED,
    **documented(403, 404, 422, 503),
}


@router.get(".png", summary="The frame with its atoms", response_class=Response, responses=_PNG)
async def frame_image(
    request: Request,
    feed: LiveFeed,
    selected: Selected,
    reader: Reader,
    low: Annotated[float, Query(ge=0, le=100, description="Percentile of the pixels that is drawn black")] = 0.5,
    high: Annotated[float, Query(ge=0, le=100, description="Percentile of the pixels that is drawn white")] = 99.5,
    gamma: Annotated[float, Query(gt=0, le=10, description="Exponent of the grey levels")] = 1.0,
    scale: Scale = 1.0,
    atoms: Annotated[bool, Query(description="Draw the atoms: colour by class, opacity by support")] = True,
) -> Response:
    if not low < high:
        raise coded("request_invalid", f"low {low:g} must be below high {high:g}: both are percentiles of the frame's pixels")
    message = await shown(PREVIEW, selected, feed)
    pixels = message.frame
    if pixels is None:
        raise coded("no_frame_yet", f"the last frame of stream {selected.stream!r} came without its pixels: ask again")
    scale = fitting_scale(pixels.shape, scale)

    def draw() -> bytes:
        return png(frame_picture(pixels, message.result.atoms if atoms else None, low, high, gamma, scale))

    return await _picture(request, message.result, draw, {"X-Elitscope-Scale": f"{scale:g}"})


@router.get("/mean.png", summary="The mean segmentation", response_class=Response, responses=_PNG)
async def mean_image(
    request: Request,
    feed: LiveFeed,
    selected: Selected,
    reader: Reader,
    top: Top = 1.0,
    scale: Scale = 1.0,
    colours: ColourMap = "cividis",
    name: ClassName = None,
) -> Response:
    message = await shown(PREVIEW, selected, feed)
    return await _map(request, message.result, message.result.mean, top, scale, colours, name)


@router.get("/std.png", summary="The spread of the networks", response_class=Response, responses=_PNG)
async def std_image(
    request: Request,
    feed: LiveFeed,
    selected: Selected,
    reader: Reader,
    top: Top = STD_TOP,
    scale: Scale = 1.0,
    colours: ColourMap = "cividis",
    name: ClassName = None,
) -> Response:
    message = await shown(PREVIEW, selected, feed)
    if message.result.std is None:
        detail = f"frame {message.result.frame_id} was analysed by one network, {message.result.members[0]}: one network has no spread"
        raise coded("no_spread", detail)
    return await _map(request, message.result, message.result.std, top, scale, colours, name)


@router.get("/members/{member}.png", summary="One network's own map", response_class=Response, responses=_PNG)
async def member_image(
    member: MemberId,
    request: Request,
    feed: LiveFeed,
    selected: Selected,
    reader: Reader,
    top: Top = 1.0,
    scale: Scale = 1.0,
    colours: ColourMap = "cividis",
    name: ClassName = None,
) -> Response:
    active = await shown(MEMBERS, selected, feed)
    inactive = feed.look(topic(INACTIVE, selected.stream))
    for message in (active, inactive):
        if message is not None and message.result.member_maps is not None and member in message.result.members:
            maps = message.result.member_maps[message.result.members.index(member)]
            return await _map(request, message.result, maps, top, scale, colours, name)
    have = ", ".join(map(str, (*active.result.members, *(inactive.result.members if inactive is not None else ()))))
    detail = f"there is no map of network {member} here, there are those of {have}: deselected ones come when there is time"
    raise coded("no_map", detail)


async def _map(
    request: Request, result: Result, maps: Array | None, top: float, scale: float, colours: str, class_name: str | None
) -> Response:
    if maps is None:
        raise coded("no_frame_yet", f"the last frame of stream {result.stream!r} came without this map: ask again")
    class_id = None if class_name is None else _class_id(result, class_name)
    scale = fitting_scale(maps.shape, scale)

    def draw() -> bytes:
        return png(map_picture(one_map(maps, class_id), top, scale, colours))

    return await _picture(request, result, draw, {"X-Elitscope-Scale": f"{scale:g}", "X-Elitscope-Max": f"{top:g}"})


async def _picture(request: Request, result: Result, draw: Callable[[], bytes], extra: dict[str, str]) -> Response:
    headers = {**frame_headers(result), **extra}
    if (same := not_modified(request, headers)) is not None:
        return same
    return Response(await off_the_loop(request, draw), headers=headers, media_type="image/png")


def _class_id(result: Result, name: str) -> int:
    if name not in result.classes:
        raise coded("request_invalid", f"class {name[:80]!r} is none of {', '.join(result.classes)}")
    return result.classes.index(name)
