"""What of an analysed frame is published, under which topics."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from elitscope.messages import FrameMessage, ResultMessage
from elitscope.types import Result

SUMMARY, RESULT, PREVIEW, MEMBERS, LOOK = "summary", "result", "preview", "members", "look"
INACTIVE = "inactive"
"""Maps of the networks that are not in force, of frames that were answered without them: when there is time for that."""

EVERY_FRAME = (SUMMARY, RESULT)
NOW_AND_THEN = (PREVIEW, MEMBERS, LOOK)
"""Costly ones: at a limited rate."""

WITH_MAPS = (MEMBERS, LOOK)
"""Those that bring every active network's map."""

WITH_HOTSPOTS = (SUMMARY, PREVIEW, LOOK)
"""Those that bring hotspots, which have to be looked for."""

DRIFT = "drift"
"""What the drift monitor makes of a stream: no part of a result."""

MOST_LOOK_VALUES = 1 << 25
"""Of all active networks' maps of a frame: where they have more, 128 MiB, a look at the frame goes without."""

MOST_LOOK_PIXELS = 1 << 24
"""Of a frame that is looked at, 4096 × 4096: beyond, the monitor would need gigabytes."""

_OUTPUTS = {
    SUMMARY: ("atoms", "hotspots"),
    PREVIEW: ("mean", "std", "atoms", "hotspots"),
    MEMBERS: ("atoms", "members"),
    LOOK: ("mean", "std", "atoms", "hotspots", "members"),
}


def topic(kind: str, stream: str) -> str:
    """The topic; ends in a terminator, so that stream `1` is not the beginning of stream `10`.

    >>> topic("summary", "haadf")
    'summary/haadf/'
    """
    return f"{kind}/{stream}/"


def publications(frame: FrameMessage, result: Result, wanted: Collection[str]) -> Iterator[tuple[str, ResultMessage]]:
    """Topic and message of each kind in `wanted`, from a result that has everything that those need."""
    for kind in (*EVERY_FRAME, *NOW_AND_THEN):
        if kind in wanted and not (kind == LOOK and frame.pixels.size > MOST_LOOK_PIXELS):
            outputs = _OUTPUTS.get(kind, frame.outputs)
            if kind == LOOK and result.member_maps is not None and result.member_maps.size > MOST_LOOK_VALUES:
                outputs = _OUTPUTS[PREVIEW]
            pixels: np.ndarray | None = frame.pixels if kind in (PREVIEW, LOOK) else None
            yield topic(kind, frame.stream), ResultMessage(only(result, outputs), pixels)


def inactive_publication(result: Result, members: tuple[int, ...], maps: np.ndarray) -> tuple[str, ResultMessage]:
    """Topic and message of the maps [member, class, row, column] of networks that did not take part in a result; `members` of the message
    are theirs, its atoms and mean map those of the result."""
    return topic(INACTIVE, result.stream), ResultMessage(replace(only(result, ("mean", "atoms")), members=members, member_maps=maps))


def only(result: Result, outputs: Collection[str]) -> Result:
    """The result with just these outputs."""
    return replace(
        result,
        mean=result.mean if "mean" in outputs else None,
        std=result.std if "std" in outputs else None,
        atoms=result.atoms if "atoms" in outputs else None,
        hotspots=result.hotspots if "hotspots" in outputs else None,
        member_maps=result.member_maps if "members" in outputs else None,
    )
