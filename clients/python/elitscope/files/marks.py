"""What is drawn on top of a frame: atoms, their classes, a scale bar."""

from __future__ import annotations

import math
from typing import Any, Optional

import numpy as np

from elitscope.files.errors import need
from elitscope.hotspots import HotspotTable
from elitscope.types import AtomTable, Sampling

_COLOURS = ("#22d3ff", "#ffb000", "#ff4f9a", "#7dff8a", "#c77dff", "#ff7b54", "#f1fa8c", "#5e9bff")
"""Told apart on grey and by colour-blind eyes for the first four; further classes repeat."""
_DOUBT = "#7dff8a"
"""Of hotspots: none of the spread's colours."""
_RING_POINTS = 4.5
"""Rings smaller than this on paper (diameter, points) run together: dots are drawn instead."""


def class_colour(class_id: int) -> tuple[float, float, float]:
    """Red, green and blue (0–1) of a class, the same in every picture."""
    text = _COLOURS[class_id % len(_COLOURS)]
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def draw_atoms(axes: Any, atoms: AtomTable, classes: tuple[str, ...], shape: tuple[int, ...], sigma_scale: Optional[float] = None) -> None:
    """Rings (dots where atoms lie too close for rings), coloured by class, opaque by support; and a legend with counts."""
    points = np.column_stack([atoms["column"], atoms["row"]])
    diameter = _diameter(atoms, shape)
    drawn = diameter * axes.get_position().width * axes.figure.get_figwidth() * 72 / shape[1]
    for class_id in np.unique(atoms["class_id"]):
        chosen = np.asarray(atoms["class_id"] == class_id)
        support = np.nan_to_num(np.asarray(atoms["support"])[chosen], nan=0.0)
        colours = np.empty((len(support), 4))
        colours[:, :3] = class_colour(int(class_id))
        colours[:, 3] = 0.25 + 0.7 * np.clip(support, 0, 1)
        if drawn >= _RING_POINTS:
            size, line = np.full((len(support), 2), diameter), _line(drawn)
            shade = np.column_stack([np.zeros((len(support), 3)), 0.6 * colours[:, 3]])  # so that rings show on bright atoms too
            _ellipses(axes, points[chosen], size, edgecolors=shade, facecolors="none", linewidths=2.2 * line)
            _ellipses(axes, points[chosen], size, edgecolors=colours, facecolors="none", linewidths=line)
        else:
            axes.scatter(*points[chosen].T, s=max(1.2, 0.5 * drawn) ** 2, c=colours, linewidths=0)
    if sigma_scale is not None:
        spread = np.column_stack([atoms["sigma_column"], atoms["sigma_row"]])
        known = np.isfinite(spread).all(axis=1)
        _ellipses(axes, points[known], 2 * sigma_scale * spread[known], edgecolors=(1, 1, 1, 0.8), facecolors="none", linewidths=0.6)
    _legend(axes, atoms, classes)


def draw_hotspots(axes: Any, hotspots: HotspotTable) -> None:
    """Dashed circles round places of doubt, with a little room: what is in them should be seen."""
    points = np.column_stack([hotspots["column"], hotspots["row"]])
    size = np.repeat(3.0 * np.asarray(hotspots["radius"], float)[:, None], 2, axis=1)
    _ellipses(axes, points, size, edgecolors=_DOUBT, facecolors="none", linewidths=1.1, linestyles=(0, (3, 2)))


def draw_scale_bar(axes: Any, shape: tuple[int, ...], sampling: Optional[Sampling]) -> None:
    """A bar of a round length, about a fifth of the width, bottom right; in pixels where the sampling is unknown."""
    step = 1.0 if sampling is None else sampling[1]
    length = _round_length(0.2 * shape[1] * step)
    label = f"{length:g} px" if sampling is None else f"{length:g} Å" if length < 10 else f"{length / 10:g} nm"
    place, rectangle = axes.get_position(), need("matplotlib.patches", "drawing overlays").Rectangle
    inch_x = 1 / (place.width * axes.figure.get_figwidth())
    inch_y = 1 / (place.height * axes.figure.get_figheight())
    width = length / step / shape[1]
    box = max(width, 0.09 * inch_x * len(label)) + 0.16 * inch_x
    left, bottom = 1 - 0.1 * inch_x - box, 0.1 * inch_y
    style = {"transform": axes.transAxes, "linewidth": 0}
    axes.add_patch(rectangle((left, bottom), box, 0.4 * inch_y, facecolor="black", alpha=0.55, **style))
    axes.add_patch(rectangle((left + (box - width) / 2, bottom + 0.08 * inch_y), width, 0.06 * inch_y, facecolor="white", **style))
    middle, above = left + box / 2, bottom + 0.17 * inch_y
    axes.text(middle, above, label, transform=axes.transAxes, color="white", ha="center", va="bottom", fontsize=10)


def _round_length(about: float) -> float:
    decade = 10.0 ** math.floor(math.log10(about))
    return next(float(f"{factor * decade:.12g}") for factor in (5, 2, 1) if factor * decade <= about * 1.0001)


def _diameter(atoms: AtomTable, shape: tuple[int, ...]) -> float:
    """Ring diameter in px: the blobs' own, but never more than the room that each atom has."""
    room = math.sqrt(shape[0] * shape[1] / max(1, len(atoms)))
    areas = np.asarray(atoms["area"], float)
    areas = areas[np.isfinite(areas) & (areas > 0)]
    blob = 2.2 * math.sqrt(float(np.median(areas)) / math.pi) if areas.size else room
    return float(min(max(blob, 0.012 * shape[1]), 0.8 * room, 0.05 * shape[1]))


def _line(drawn: float) -> float:
    return float(np.clip(0.12 * drawn, 0.7, 1.4))


def _ellipses(axes: Any, centres: np.ndarray, diameters: np.ndarray, **style: Any) -> None:
    collections = need("matplotlib.collections", "drawing overlays")
    widths, heights = diameters.T
    axes.add_collection(
        collections.EllipseCollection(
            widths, heights, np.zeros(len(centres)), units="xy", offsets=centres, offset_transform=axes.transData, **style
        )
    )


def _legend(axes: Any, atoms: AtomTable, classes: tuple[str, ...]) -> None:
    """Class names with counts below the frame."""
    left = 0.0
    for class_id, name in enumerate(classes):
        count = int(np.count_nonzero(atoms["class_id"] == class_id))
        label = f"● {name} {count}"
        axes.text(left, -0.012, label, transform=axes.transAxes, color=class_colour(class_id), fontsize=9.5, va="top")
        left += 0.017 * len(label) + 0.03
