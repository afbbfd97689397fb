"""Calibration as a picture: predicted beside observed precision, and errors within one sigma, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from elitscope.files.errors import FileUnwritable, need
from elitscope.files.plot import BACKGROUND, FAINT, TEXT
from elitscope_models.drift.calibration import ONE_SIGMA, Observed, predicted_precision, reliability, within_one_sigma
from elitscope_models.manifest import Calibration

_BEFORE, _AFTER = "#ffb000", "#22d3ff"
_DPI, _SIDE = 120, 5.0
_PURPOSE = "drawing reliability curves"
_EDGES = tuple(np.linspace(0.0, 1.0, 11))


def draw_reliability(observed: dict[int, Observed], calibration: Calibration, path: Path) -> None:
    """Draw into `path` (.png).

    Raises:
        FileUnwritable: the picture can't be written there.
        MissingLibrary: matplotlib is not installed.
    """
    figure = need("matplotlib.figure", _PURPOSE).Figure(figsize=(2 * _SIDE, _SIDE), dpi=_DPI, facecolor=BACKGROUND)
    need("matplotlib.backends.backend_agg", _PURPOSE).FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.12, top=0.9, wspace=0.2)
    for index, draw in enumerate((_precision, _sigma)):
        axes = figure.add_subplot(1, 2, index + 1, facecolor=BACKGROUND)
        axes.tick_params(colors=FAINT, labelsize=9)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        draw(axes, observed, calibration)
        axes.legend(loc="lower right", fontsize=8, labelcolor=TEXT, facecolor=BACKGROUND, edgecolor=FAINT)
    try:
        figure.savefig(path, dpi=_DPI, facecolor=BACKGROUND)
    except OSError as error:
        raise FileUnwritable(f"{path} can't be written ({error.strerror or error})") from error


def _precision(axes: Any, observed: dict[int, Observed], calibration: Calibration) -> None:
    """Of all members: the nearer to the diagonal, the better."""
    most = max(entry.members for entry in calibration.precision)
    entry = next(one for one in calibration.precision if one.members == most)
    atoms = observed[most]
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    series = (("support × probability", _BEFORE, atoms.evidence), ("calibrated", _AFTER, predicted_precision(atoms, entry)))
    for name, colour, predicted in series:
        bins = reliability(predicted, atoms.right, _EDGES)
        axes.plot([one.predicted for one in bins], [one.observed for one in bins], "o-", color=colour, markersize=4, label=name)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_xlabel("predicted precision", color=FAINT)
    axes.set_title(f"observed precision, {most} members", color=TEXT, fontsize=11)


def _sigma(axes: Any, observed: dict[int, Observed], calibration: Calibration) -> None:
    """By number of members: the nearer to the line, the better."""
    sizes = [entry.members for entry in calibration.sigma]
    axes.axhline(ONE_SIGMA, color=FAINT, linewidth=0.8)
    for name, colour, entries in (("raw", _BEFORE, [None] * len(sizes)), ("calibrated", _AFTER, list(calibration.sigma))):
        shares = [within_one_sigma(observed[size], entry) for size, entry in zip(sizes, entries, strict=True)]
        axes.plot(sizes, shares, "o-", color=colour, markersize=4, label=name)
    axes.set(ylim=(0, 1.02))
    axes.set_xlabel("active members", color=FAINT)
    axes.set_title("share of errors within one sigma", color=TEXT, fontsize=11)
