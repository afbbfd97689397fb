"""One frame and its analysis as a picture: the frame with its atoms, the mean segmentation, the ensemble's spread.

Drawn with matplotlib's Agg canvas directly: no pyplot, so no global state, no window, and any thread may draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from elitscope.files.errors import FileUnwritable, need
from elitscope.files.marks import class_colour, draw_atoms, draw_hotspots, draw_scale_bar
from elitscope.types import Result, Sampling

BACKGROUND, TEXT, FAINT, WARNING = "#14171c", "#e8eaed", "#9aa0a6", "#ffb74d"
_PANEL_INCHES, _DPI, _HEAD_INCHES, _FOOT_INCHES, _GAP_INCHES = 6.4, 120, 0.95, 0.42, 0.3
_LEAST_INCHES = 6.0
"""Width that the text at the top needs."""
_DISPLAYED = 1400
"""Frames with longer sides are averaged down to about this many pixels before drawing: more than the panel shows."""
_LEAST_SPREAD = 0.05
"""Upper end of the spread's colours at least; below it, a perfect ensemble's rounding noise would glow."""


def overlay_png(
    path: Union[str, PathLike[str]],
    pixels: np.ndarray,
    result: Result,
    title: Optional[str] = None,
    sampling: Optional[Sampling] = None,
    sigma_scale: Optional[float] = None,
) -> Path:
    """Draw `pixels` [row, column] with `result` into a PNG file and return its path.

    Atoms: colour says the class, opacity the support (fraction of members that see the atom). `title`: what the frame is called, its id
    otherwise; `sampling`: Å/px for the scale bar where the result has none; `sigma_scale`: also draw each atom's positional spread,
    enlarged this many times. Hotspots are dashed circles on the spread. Panels whose outputs were not asked for are left out.

    Raises:
        FileUnwritable: the picture can't be written there.
        MissingLibrary: matplotlib is not installed.
    """
    figure = _draw(pixels, result, title or f"frame {result.frame_id}", result.sampling or sampling, sigma_scale)
    place = Path(path)
    try:
        figure.savefig(place, dpi=_DPI, facecolor=BACKGROUND, pil_kwargs={"compress_level": 3})
    except OSError as error:
        raise FileUnwritable(f"{place} can't be written ({error.strerror or error})") from error
    return place


def member_ranges(members: tuple[int, ...]) -> str:
    """Member ids with runs joined.

    >>> member_ranges((0, 1, 2, 5, 7, 8))
    '0–2, 5, 7, 8'
    """
    runs: list[list[int]] = []
    for member in members:
        if runs and member == runs[-1][-1] + 1:
            runs[-1].append(member)
        else:
            runs.append([member])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _draw(pixels: np.ndarray, result: Result, title: str, sampling: Optional[Sampling], sigma_scale: Optional[float]) -> Any:
    maps = [(name, _flat(values, name)) for name, values in (("mean", result.mean), ("std", result.std)) if values is not None]
    stretch = 1.0 if sampling is None else sampling[0] / sampling[1]
    figure, areas = _page(pixels.shape, stretch, 1 + len(maps))
    _head(figure, result, title)
    axes = _panel(figure, next(areas), pixels.shape, stretch)
    low, high = _contrast(pixels)
    _picture(axes, pixels.astype(np.float32), pixels.shape, cmap="gray", vmin=low, vmax=high)
    if result.atoms is not None:
        draw_atoms(axes, result.atoms, result.classes, pixels.shape, sigma_scale)
    draw_scale_bar(axes, pixels.shape, sampling)
    for name, values in maps:
        axes = _panel(figure, next(areas), pixels.shape, stretch)
        _map(figure, axes, name, values, pixels.shape)
        if name == "std" and result.hotspots is not None:
            draw_hotspots(axes, result.hotspots)
    return figure


def _page(shape: tuple[int, ...], stretch: float, panels: int) -> tuple[Any, Iterator[tuple[float, float, float, float]]]:
    """An empty figure whose panels have the frame's proportions, and the panels' places from left to right."""
    ratio = float(np.clip(shape[0] * stretch / shape[1], 0.25, 4.0))
    width, height = (_PANEL_INCHES, _PANEL_INCHES * ratio) if ratio <= 1 else (_PANEL_INCHES / ratio, _PANEL_INCHES)
    total = (max(_LEAST_INCHES, panels * (width + _GAP_INCHES) + _GAP_INCHES), _HEAD_INCHES + height + _FOOT_INCHES)
    figure = need("matplotlib.figure", "drawing overlays").Figure(figsize=total, dpi=_DPI, facecolor=BACKGROUND)
    need("matplotlib.backends.backend_agg", "drawing overlays").FigureCanvasAgg(figure)
    lefts = (_GAP_INCHES + i * (width + _GAP_INCHES) for i in range(panels))
    return figure, ((left / total[0], _FOOT_INCHES / total[1], width / total[0], height / total[1]) for left in lefts)


def _panel(figure: Any, area: tuple[float, float, float, float], shape: tuple[int, ...], stretch: float) -> Any:
    axes = figure.add_axes(area, facecolor=BACKGROUND)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5), xticks=[], yticks=[])
    axes.set_aspect(stretch)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _head(figure: Any, result: Result, title: str) -> None:
    """Three lines at the top: what was found in which frame, by whom, and what to beware of."""
    left, room = _GAP_INCHES / figure.get_figwidth(), figure.get_figwidth() - 2 * _GAP_INCHES
    count = "" if result.atoms is None else f"    {len(result.atoms)} atom{'' if len(result.atoms) == 1 else 's'}"
    members = f"member{'' if len(result.members) == 1 else 's'} {member_ranges(result.members)}"
    provenance = f"{result.ensemble} {result.ensemble_version}   {members}   revision {result.revision}   {result.timing.total_ms:.0f} ms"
    lines = (
        (0.14, title + count, {"color": TEXT, "fontsize": 14, "fontweight": "bold"}),
        (0.44, provenance, {"color": FAINT, "fontsize": 9.5}),
        (0.67, "   ".join(f"▲ {warning}" for warning in result.warnings), {"color": WARNING, "fontsize": 9.5}),
    )
    for down, words, style in lines:
        fits = int(room * 120 / style["fontsize"])
        text = words if len(words) <= fits else words[: fits - 1] + "…"
        figure.text(left, 1 - down / figure.get_figheight(), text, va="top", parse_math=False, **style)


def _contrast(pixels: np.ndarray) -> tuple[float, float]:
    """Grey levels for black and white: percentiles, since a single hot pixel would otherwise leave the rest black."""
    finite = pixels[np.isfinite(pixels)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(level) for level in np.percentile(finite[:: max(1, finite.size // 500_000)], (0.5, 99.7)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _flat(values: np.ndarray, name: str) -> Any:
    """A [class, row, column] stack as one picture: the only class itself, the largest spread, or the classes' colours mixed."""
    if len(values) == 1:
        return values[0]
    if name == "std":
        return values.max(axis=0)
    colours = np.array([class_colour(i) for i in range(len(values))], np.float32)
    mixed: np.ndarray = np.einsum("crk,cl->rkl", values.astype(np.float32), colours)
    return np.clip(mixed, 0, 1)


def _map(figure: Any, axes: Any, name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    label = {"mean": "mean segmentation", "std": "spread of the members (std)"}[name]
    place, inch = axes.get_position(), 1 / figure.get_figheight()
    figure.text(place.x0, place.y0 - 0.07 * inch, label, color=FAINT, fontsize=9.5, va="top")
    if values.ndim == 3:
        _picture(axes, values, shape)
        return
    top = 1.0 if name == "mean" else max(_LEAST_SPREAD, float(np.percentile(np.nan_to_num(values), 99.8)))
    image = _picture(axes, values, shape, cmap="viridis" if name == "mean" else "magma", vmin=0, vmax=top)
    bar_axes = figure.add_axes((place.x0 + 0.54 * place.width, place.y0 - 0.16 * inch, 0.45 * place.width, 0.09 * inch))
    bar = figure.colorbar(image, cax=bar_axes, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.locator = need("matplotlib.ticker", "drawing overlays").MaxNLocator(4)
    bar_axes.tick_params(colors=FAINT, labelsize=8, length=2, pad=1)


def _picture(axes: Any, values: np.ndarray, shape: tuple[int, ...], **how: Any) -> Any:
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    smoothing = "nearest" if max(shape[:2]) < 256 else "antialiased"
    image = axes.imshow(_shrunk(values), extent=extent, interpolation=smoothing, aspect=axes.get_aspect(), **how)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    return image


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Block means, for frames with more pixels than the panel."""
    block = max(values.shape[:2]) // _DISPLAYED
    if block < 2:
        return values
    rows, columns = (max(1, n // block) for n in values.shape[:2])
    block_rows, block_columns = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: rows * block_rows, : columns * block_columns]
    blocks = cut.reshape(rows, block_rows, columns, block_columns, *values.shape[2:])
    mean: np.ndarray = blocks.mean(axis=(1, 3))
    return mean
