"""Small pictures for the documentation: rows of panels, each an image with a title and a line below."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.files.marks import class_colour
from elitscope.files.plot import BACKGROUND, FAINT, TEXT

Array = np.ndarray[Any, Any]
_DPI, _COLOURS = 80, 160


@dataclass(frozen=True)
class Panel:
    """`image`: [row, column], or [row, column, 3] as it is; `limits`: of the grey values or colours, from percentiles where None."""

    image: Array
    title: str = ""
    caption: str = ""
    colours: str = "gray"
    limits: tuple[float, float] | None = None


def map_panel(values: Array, title: str = "", caption: str = "") -> Panel:
    """A map of probabilities."""
    return Panel(values, title, caption, "magma", (0.0, 1.0))


def spread_panel(values: Array, title: str = "", caption: str = "", most: float | None = None) -> Panel:
    """A map of standard deviations, from nothing to `most` or its own largest value."""
    return Panel(values, title, caption, "viridis", (0.0, max(1e-6, float(values.max()) if most is None else most)))


def coloured(mean: Array, names: Sequence[str], order: Sequence[str]) -> Array:
    """Maps of several classes [class, row, column] in one picture; a class of the same name has the same colour wherever `order` is."""
    colours = np.array([class_colour(order.index(name)) for name in names], np.float32)
    return np.einsum("crk,cl->rkl", mean, colours).clip(0.0, 1.0)


def save_panels(path: Path, rows: Sequence[Sequence[Panel]], inches: float = 2.6) -> None:
    """Draw rows of panels into a PNG."""
    figure = _figure(inches * max(map(len, rows)), (inches + 0.35) * len(rows))
    for index, row in enumerate(rows):
        for column, panel in enumerate(row):
            axes = figure.add_subplot(len(rows), max(map(len, rows)), 1 + index * max(map(len, rows)) + column)
            low, high = panel.limits or tuple(np.percentile(panel.image, (0.5, 99.7)))
            axes.imshow(panel.image, cmap=panel.colours, vmin=low, vmax=high, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.set_title(panel.title, color=TEXT, fontsize=9)
            axes.set_xlabel(panel.caption, color=FAINT, fontsize=8)
    _save(figure, path)


def save_chart(path: Path, draw: Callable[[Any], None], inches: tuple[float, float] = (5.0, 3.4)) -> None:
    """Draw one chart into a PNG."""
    figure = _figure(*inches)
    axes = figure.add_subplot(facecolor=BACKGROUND)
    draw(axes)
    axes.tick_params(colors=FAINT, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(TEXT)
    axes.legend(fontsize=8, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    _save(figure, path)


def shrink(source: Path, path: Path, colours: int = 48) -> None:
    """A picture of a report, with fewer colours: a quarter of the size."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(source).convert("RGB").quantize(colours).save(path, optimize=True)


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=BACKGROUND, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=BACKGROUND)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
