"""An evaluation as pictures: members' IoU beside the ensemble's, F1 of every segment, and what went wrong on the worst frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.files.errors import FileUnwritable, need
from elitscope.files.plot import BACKGROUND, FAINT, TEXT, WARNING
from elitscope_models.evaluate import Evaluation

_MATCHED, _MISSED, _FALSE = "#22d3ff", "#ffb000", "#ff4f9a"
_DPI, _SIDE = 120, 6.0
_PURPOSE = "drawing evaluations"


def draw_evaluation(result: Evaluation, path: Path) -> Iterator[Path]:
    """Draw into `path`, all in one where it ends in `.png`, otherwise one file a picture in that folder; yields what was written.

    Raises:
        FileUnwritable: the pictures can't be written there.
        MissingLibrary: matplotlib is not installed.
    """
    if path.suffix.lower() == ".png":
        yield _draw(path, result, list(_PICTURES.values()))
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(f"{path} can't be made a folder ({error.strerror or error})") from error
    for name, picture in _PICTURES.items():
        yield _draw(path / f"{name}.png", result, [picture])


def _draw(path: Path, result: Evaluation, pictures: list[Callable[[Any, Evaluation], None]]) -> Path:
    figure = need("matplotlib.figure", _PURPOSE).Figure(figsize=(_SIDE * len(pictures), _SIDE), dpi=_DPI, facecolor=BACKGROUND)
    need("matplotlib.backends.backend_agg", _PURPOSE).FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.35 / len(pictures) ** 0.5 * 0.4, right=0.97, bottom=0.12, top=0.9, wspace=0.22)
    for index, picture in enumerate(pictures):
        axes = figure.add_subplot(1, len(pictures), index + 1, facecolor=BACKGROUND)
        axes.tick_params(colors=FAINT, labelsize=9)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        picture(axes, result)
    try:
        figure.savefig(path, dpi=_DPI, facecolor=BACKGROUND)
    except OSError as error:
        raise FileUnwritable(f"{path} can't be written ({error.strerror or error})") from error
    return path


def _members(axes: Any, result: Evaluation) -> None:
    """Bars of the members' IoU; the ensemble's is the line."""
    names = [member.name.removeprefix("member ") for member in result.members]
    values = np.array([member.iou for member in result.members])
    _bars(axes, names, values, result.ensemble.iou)
    mean, std = result.member_iou
    axes.set_title(f"{result.bundle}: IoU of members {mean:.4f} ± {std:.4f}, ensemble {result.ensemble.iou:.4f}", color=TEXT, fontsize=11)
    axes.set_xlabel("member", color=FAINT)


def _segments(axes: Any, result: Evaluation) -> None:
    """Bars of F1, segment by segment; the line is that of all frames. Atoms found per true atom stand beside them, as diamonds."""
    parts = result.segments or (result.ensemble,)
    places = _bars(axes, [part.name for part in parts], np.array([part.atoms.f1 for part in parts]), result.ensemble.atoms.f1)
    found = np.nan_to_num(np.array([part.found_per_true for part in parts]))
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, min(low, found.min() - 0.05)), max(high, min(2.0, found.max() + 0.05)))
    axes.plot(places, found.clip(0.0, 2.0), "D", color=WARNING, markersize=5, label="found per true atom")
    axes.legend(loc="lower left", fontsize=8, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    axes.set_title(f"F1, all frames {result.ensemble.atoms.f1:.4f}", color=TEXT, fontsize=11)
    axes.tick_params(axis="x", rotation=20)


def _bars(axes: Any, names: list[str], values: np.ndarray[Any, Any], line: float) -> np.ndarray[Any, Any]:
    """Bars with their values on an axis that starts where differences show; a line across."""
    places, low = np.arange(len(values)), max(0.0, float(np.floor(10 * min(values.min(), line)) / 10) - 0.1)
    axes.bar(places, values, color="#5e9bff", width=0.7)
    axes.axhline(line, color=_MISSED, linewidth=1.2, linestyle="--", zorder=3)
    axes.set(xticks=places, xticklabels=names, ylim=(low, 1.02))
    for place, value in zip(places, values, strict=True):
        axes.text(
            place,
            value - 0.01 * (1.02 - low),
            f"{value:.3f}",
            color=BACKGROUND,
            ha="center",
            va="top",
            fontsize=8 if len(values) < 9 else 6,
        )
    return places


def _worst(axes: Any, result: Evaluation) -> None:
    """The frame of the lowest F1: atoms matched, missed and found where there are none. What is not marked does not count."""
    sight = result.worst
    low, high = np.percentile(sight.frame.pixels, (0.5, 99.7))
    axes.imshow(sight.frame.pixels, cmap="gray", vmin=low, vmax=high if high > low else low + 1, interpolation="nearest")
    groups = (
        ("matched", sight.found[sight.matches.found], _MATCHED, "o", "none"),
        ("missed", sight.frame.positions[sight.matches.missed], _MISSED, "s", "none"),
        ("false", sight.found[sight.matches.false], _FALSE, "x", _FALSE),
    )
    for name, points, colour, marker, face in groups:
        edges = {"c": colour} if marker == "x" else {"edgecolors": colour, "facecolors": face}
        axes.scatter(points[:, 1], points[:, 0], s=18, marker=marker, linewidths=0.8, label=f"{name} {len(points)}", **edges)
    axes.set(xticks=[], yticks=[])
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.1), ncols=3, fontsize=9, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    own = result.frames[sight.index]
    axes.set_title(f"worst frame: {own.name}, F1 {own.atoms.f1:.3f}", color=TEXT, fontsize=11)


_PICTURES: dict[str, Callable[[Any, Evaluation], None]] = {"members": _members, "segments": _segments, "worst": _worst}
