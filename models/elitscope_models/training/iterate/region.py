"""A part of a frame to learn from: whoever looks at a movie sees which half of a frame is good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Region:
    """`frame`: its number; the others: px of the frame as it was recorded."""

    frame: int
    row: int
    column: int
    height: int
    width: int


def read_region(text: str) -> Region:
    """A region as it is typed: FRAME:ROW,COLUMN,HEIGHT,WIDTH.

    >>> read_region("3:0,128,256,384")
    Region(frame=3, row=0, column=128, height=256, width=384)

    Raises:
        ValueError: it is none.
    """
    number, _, rest = text.partition(":")
    parts = [part.strip() for part in (number, *rest.split(","))]
    if len(parts) != 5 or not all(part.isdecimal() for part in parts) or "0" in parts[3:]:
        raise ValueError(f"{text!r} is no region: write FRAME:ROW,COLUMN,HEIGHT,WIDTH in px, 0:0,0,256,256 say")
    return Region(*map(int, parts))


def within(regions: Sequence[Region], frame: int, shape: tuple[int, ...], zoom: tuple[float, float]) -> Mask:
    """Which pixels of a frame are to be learnt from, bool [row, column]: all where the frame has no region of its own.

    Args:
        regions: of all frames.
        frame: which one this is.
        shape: of the mask.
        zoom: its pixels per pixel of the frame as it was recorded, (row, column).

    >>> within([Region(0, 1, 0, 1, 2)], 0, (2, 4), (1.0, 2.0)).astype(int).tolist()
    [[0, 0, 0, 0], [1, 1, 1, 1]]
    """
    own = [region for region in regions if region.frame == frame]
    mask = np.full(shape, not own)
    for region in own:
        corners = ((region.row, region.column), (region.row + region.height, region.column + region.width))
        (top, left), (bottom, right) = (tuple(round(place * factor) for place, factor in zip(each, zoom, strict=True)) for each in corners)
        mask[top:bottom, left:right] = True
    return mask
