"""Frames and maps as PNG: grey frames with their atoms, maps in colours whose order colour-blind eyes see too."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from elitscope.files.marks import class_colour
from elitscope.types import AtomTable

Array = np.ndarray[Any, np.dtype[Any]]
Picture = np.ndarray[Any, np.dtype[np.uint8]]

COLOUR_MAPS = {"cividis": cv2.COLORMAP_CIVIDIS, "viridis": cv2.COLORMAP_VIRIDIS}
"""Perceptually uniform; cividis was made for colour-blind eyes (Nuñez, Anderton and Renslow 2018)."""

MOST_SIDE = 4096
"""px: pictures are scaled down to it, whatever was asked for."""

_SAMPLE = 500_000
"""Pixels that percentiles are taken of, at most."""
_FAINTEST = 0.25
"""Opacity of an atom that no member sees on its own."""
_SHADE = 0.55
_SUBPIXEL = 4
"""Bits of a pixel that OpenCV draws circles with."""


def fitting_scale(shape: tuple[int, ...], scale: float) -> float:
    """`scale`, or the largest at which no side is above `MOST_SIDE`.

    >>> fitting_scale((512, 512), 0.5), fitting_scale((8192, 100), 1.0)
    (0.5, 0.5)
    """
    return min(scale, MOST_SIDE / max(shape[-2:]))


def frame_picture(pixels: Array, atoms: AtomTable | None, low: float, high: float, gamma: float, scale: float) -> Picture:
    """A frame, and rings round its atoms: colour by class, opacity by support.

    Args:
        pixels: [row, column], any real dtype.
        atoms: in px of the frame; None to draw none.
        low, high: percentiles of the pixels that become black and white.
        gamma: exponent that grey levels (0–1) are raised to.
        scale: px of the picture per px of the frame, at most 1.

    Returns:
        uint8 [row, column, 3], blue, green, red as OpenCV has it; [row, column] where there are no atoms to draw.
    """
    grey = _grey(_shrunk(pixels, scale), low, high, gamma)
    return grey if atoms is None or not len(atoms) else _with_rings(grey, atoms, scale)


def map_picture(values: Array, top: float, scale: float, colours: str) -> Picture:
    """A map [row, column] from 0 to `top` in colours; what is above is shown as `top`, what is not finite as 0."""
    levels = np.clip(np.nan_to_num(_shrunk(values, scale), posinf=top) * (255 / top), 0, 255)
    return np.asarray(cv2.applyColorMap(np.rint(levels).astype(np.uint8), COLOUR_MAPS[colours]), np.uint8)


def one_map(maps: Array, class_id: int | None) -> Array:
    """One class of [class, row, column], or the largest value of all classes."""
    if class_id is not None:
        return np.asarray(maps[class_id])
    return np.asarray(maps[0] if len(maps) == 1 else maps.max(axis=0))


def png(picture: Picture) -> bytes:
    """The picture's file."""
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be encoded")
    return bytes(data.tobytes())


def shrunk(values: Array, scale: float) -> Array:
    """[row, column] averaged down, float32; as it is for scale 1."""
    return values if scale >= 1 else _shrunk(values, scale)


def _shrunk(values: Array, scale: float) -> Array:
    plain = np.ascontiguousarray(values, np.float32)
    if scale >= 1:
        return plain
    size = (max(1, round(plain.shape[1] * scale)), max(1, round(plain.shape[0] * scale)))
    return np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_AREA))


def _grey(pixels: Array, low: float, high: float, gamma: float) -> Picture:
    sample = pixels.ravel()[:: max(1, pixels.size // _SAMPLE)]
    sample = sample[np.isfinite(sample)]
    black, white = (float(level) for level in np.percentile(sample, (low, high))) if sample.size else (0.0, 1.0)
    span = white - black if white > black else 1.0
    levels = np.clip((np.nan_to_num(pixels, nan=black) - black) / span, 0, 1)
    return np.asarray(np.rint(255 * (levels if gamma == 1 else levels**gamma)), np.uint8)


def _with_rings(grey: Picture, atoms: AtomTable, scale: float) -> Picture:
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    radius = _radius(atoms, grey.shape, scale)
    support = np.clip(np.nan_to_num(np.asarray(atoms["support"], float)), 0, 1)
    opacity = _FAINTEST + (1 - _FAINTEST) * support
    rows, columns = ((np.asarray(atoms[axis], float) + 0.5) * scale - 0.5 for axis in ("row", "column"))
    places = list(zip(columns, rows, opacity, strict=True))
    _blend(picture, _rings(grey.shape, places, radius, 3) * _SHADE, (0, 0, 0))  # so that rings show on bright atoms too
    classes = np.asarray(atoms["class_id"])
    for class_id in np.unique(classes):
        mine = [places[index] for index in np.flatnonzero(classes == class_id)]
        red, green, blue = class_colour(int(class_id))
        _blend(picture, _rings(grey.shape, mine, radius, 1), (255 * blue, 255 * green, 255 * red))
    return np.rint(picture).astype(np.uint8)


def _radius(atoms: AtomTable, shape: tuple[int, ...], scale: float) -> float:
    """px of the picture: a little more than the blobs', but no more than the room that each atom has."""
    areas = np.asarray(atoms["area"], float)
    areas = areas[np.isfinite(areas) & (areas > 0)]
    blob = 1.15 * scale * float(np.sqrt(np.median(areas) / np.pi)) if areas.size else 3.0
    room = 0.45 * float(np.sqrt(shape[0] * shape[1] / len(atoms)))
    return max(1.0, min(max(blob, 2.5), room))


def _rings(shape: tuple[int, ...], places: list[tuple[float, float, float]], radius: float, width: int) -> Array:
    """Opacities, float32 [row, column], 0–1."""
    canvas, one = np.zeros(shape, np.uint8), 1 << _SUBPIXEL
    for column, row, opacity in places:
        if np.isfinite(column) and np.isfinite(row):
            centre = (round(column * one), round(row * one))
            cv2.circle(canvas, centre, round(radius * one), round(255 * opacity), width, cv2.LINE_AA, _SUBPIXEL)
    return canvas.astype(np.float32) / 255


def _blend(picture: Array, opacity: Array, colour: tuple[float, float, float]) -> None:
    picture += opacity[..., None] * (np.asarray(colour, np.float32) - picture)
