"""Pictures of a loop: the contact sheet of members (ELIT paper, Fig. 2), overlays of what is learnt from, and the detection rate."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from elitscope.files.errors import need
from elitscope.files.marks import class_colour
from elitscope.files.plot import BACKGROUND, FAINT, TEXT, WARNING
from elitscope_models.training.iterate.choice import Choice, View
from elitscope_models.training.iterate.experiment import Frame
from elitscope_models.training.iterate.observation import Observation

_PURPOSE = "drawing the report"
_DPI, _PANEL = 90, 2.4
_KEPT, _DROPPED, _UNSURE = "#22d3ff", "#8b3fff", "#e8eaed"
_MOST_MEMBERS, _DISPLAYED = 24, 512
_LEAST_SPREAD = 0.05
"""Upper end of the spread's colours at least; below it, a perfect ensemble's rounding noise would glow."""


def contact_sheet(frames: Sequence[Frame], views: Sequence[View], choice: Choice) -> bytes:
    """PNG: a row a frame, a column a member; the selected have a bright name. At most 24 are shown, the selected first."""
    shown = sorted(views, key=lambda view: view.member not in choice.members)[:_MOST_MEMBERS]
    figure, axes = _grid(len(frames), 1 + len(shown))
    for row, frame in enumerate(frames):
        _image(axes[row][0], frame.pixels)
        axes[row][0].set_title(frame.name, color=TEXT, fontsize=7)
        for column, view in enumerate(shown, 1):
            axes[row][column].imshow(_small(view.maps[row].max(axis=0)), cmap="magma", vmin=0.0, vmax=1.0)
            own = view.figures[row]
            axes[row][column].set_xlabel(
                f"fog {own.fog:.2f}   seen {own.detections}   agrees {own.pixel_agreement:.2f}", color=FAINT, fontsize=6
            )
    for column, view in enumerate(shown, 1):
        name = f"member {view.member}" + (" · best" if view.member == choice.best else "")
        axes[0][column].set_title(name, color=WARNING if view.member in choice.members else FAINT, fontsize=9)
    return _png(figure)


def overlay(seen: Observation, index: int) -> bytes:
    """PNG: a frame with its atoms (kept, by class; dropped as amorphous; unsure), the mean segmentation, and the spread over members."""
    sight = seen.sights[index]
    figure, axes = _grid(1, 3, panel=3.6)
    _image(axes[0][0], sight.image)
    scale = _stride(sight.image.shape)
    for name, group, colour in _groups(seen, index):
        points = sight.positions[group] / scale
        if len(points):
            axes[0][0].scatter(
                points[:, 1], points[:, 0], s=7, facecolors="none", edgecolors=colour, linewidths=0.7, label=f"{name} {len(points)}"
            )
    if len(sight.positions):
        axes[0][0].legend(loc="lower left", fontsize=6, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    axes[0][0].set_title(sight.frame.name, color=TEXT, fontsize=9)
    _segmentation(axes[0][1], sight.mean)
    axes[0][1].set_title("mean segmentation", color=TEXT, fontsize=9)
    if sight.std is not None:
        largest = sight.std.max(axis=0)
        axes[0][2].imshow(_small(largest), cmap="viridis", vmin=0.0, vmax=max(_LEAST_SPREAD, float(largest.max())))
    meaningful = "" if "spread_uncalibrated" not in sight.warnings else ": not meaningful yet"
    axes[0][2].set_title(f"spread over members{meaningful}", color=TEXT, fontsize=9)
    return _png(figure)


def uncertainty(seen: Observation, index: int) -> bytes:
    """PNG, as the paper's Fig. 4, a row a class: the frame, the mean, its standard deviation over members on one scale for all classes, and
    the same divided by its own largest value, which shows where a class is uncertain however little."""
    sight, names = seen.sights[index], seen.names(index)
    assert sight.std is not None, "one member has no spread"
    figure, axes = _grid(len(names), 4)
    largest = max(_LEAST_SPREAD, float(sight.std.max()))
    for row, (name, mean, std) in enumerate(zip(names, sight.mean, sight.std, strict=True)):
        _image(axes[row][0], sight.image)
        axes[row][0].set_ylabel(name, color=TEXT, fontsize=9)
        axes[row][1].imshow(_small(mean), cmap="magma", vmin=0.0, vmax=1.0)
        axes[row][2].imshow(_small(std), cmap="viridis", vmin=0.0, vmax=largest)
        axes[row][2].set_xlabel(f"0 to {largest:.2f}", color=FAINT, fontsize=7)
        own = float(std.max())
        axes[row][3].imshow(_small(std) / (own or 1.0), cmap="viridis", vmin=0.0, vmax=1.0)
        axes[row][3].set_xlabel(f"divided by {own:.2f}", color=FAINT, fontsize=7)
    for column, title in enumerate((sight.frame.name, "mean", "std over members", "std, normalised")):
        axes[0][column].set_title(title, color=TEXT, fontsize=9)
    return _png(figure)


def _groups(seen: Observation, index: int) -> Iterator[tuple[str, np.ndarray[Any, Any], Any]]:
    """Name, which atoms, and colour of what is told apart in a frame."""
    sight, names = seen.sights[index], seen.names(index)
    kept, unsure = seen.kept[index], seen.unsure[index]
    if len(names) == 1:
        yield "kept", kept & ~unsure, _KEPT
    else:
        yield from ((name, kept & ~unsure & (sight.class_ids == kind), class_colour(kind)) for kind, name in enumerate(names))
    yield "amorphous", ~kept, _DROPPED
    yield "unsure", kept & unsure, _UNSURE


def _segmentation(axes: Any, mean: np.ndarray[Any, Any]) -> None:
    if len(mean) == 1:
        axes.imshow(_small(mean[0]), cmap="magma", vmin=0.0, vmax=1.0)
        return
    colours = np.array([class_colour(kind) for kind in range(len(mean))], np.float32)
    axes.imshow(np.einsum("crk,cl->rkl", np.stack([_small(each) for each in mean]), colours).clip(0.0, 1.0))


def rate_chart(rates: Mapping[int, Sequence[float]]) -> bytes:
    """PNG: the detection rate of every frame, a line a round."""
    figure, axes = _grid(1, 1, panel=5.0)
    plot = axes[0][0]
    count = max((len(each) for each in rates.values()), default=1)
    for number, each in rates.items():
        label = "parent" if number == 0 else f"round {number}"
        plot.plot(range(len(each)), each, "o-", markersize=3, linewidth=1.2, label=f"{label}: {float(np.nanmean(each)):.3f}")
    plot.set(xticks=sorted({round(place) for place in np.linspace(0, count - 1, min(count, 8))}), yticks=np.arange(0.0, 1.3, 0.2))
    plot.tick_params(colors=FAINT, labelsize=8)
    plot.set_xlabel("frame", color=FAINT)
    plot.set_ylabel("detection rate", color=FAINT)
    plot.legend(fontsize=8, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    return _png(figure)


def _grid(rows: int, columns: int, panel: float = _PANEL) -> tuple[Any, list[list[Any]]]:
    figure = need("matplotlib.figure", _PURPOSE).Figure(
        figsize=(panel * columns, (panel + 0.3) * rows), dpi=_DPI, facecolor=BACKGROUND, layout="constrained"
    )
    need("matplotlib.backends.backend_agg", _PURPOSE).FigureCanvasAgg(figure)
    axes = [[figure.add_subplot(rows, columns, 1 + row * columns + column) for column in range(columns)] for row in range(rows)]
    for each in (one for row in axes for one in row):
        each.set(xticks=[], yticks=[], facecolor=BACKGROUND)
        for spine in each.spines.values():
            spine.set_color(FAINT)
    return figure, axes


def _image(axes: Any, pixels: np.ndarray[Any, Any]) -> None:
    low, high = np.percentile(pixels, (0.5, 99.7))
    axes.imshow(_small(pixels), cmap="gray", vmin=low, vmax=high if high > low else low + 1)


def _stride(shape: tuple[int, ...]) -> int:
    return max(1, -(-max(shape) // _DISPLAYED))


def _small(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """No more pixels than a panel shows."""
    step = _stride(values.shape)
    return values[::step, ::step]


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=BACKGROUND, metadata={"Software": None})
    return buffer.getvalue()
