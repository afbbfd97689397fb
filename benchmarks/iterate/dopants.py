"""Silicon in graphene, told from carbon by a loop that began without classes; and the spread per class, as the paper's Fig. 4."""

from __future__ import annotations

import numpy as np

from benchmarks.iterate.loops import Bench, opened, scored, seen
from benchmarks.iterate.pictures import Panel, coloured, save_panels, spread_panel
from elitscope_models.sheets import Sheet
from elitscope_models.training.iterate.experiment import Sight
from elitscope_models.truth import KnownFrame, read_truth

PARENT = "graphene-si"
CLASSES = ("C", "Si")
OPTIONS = ("--learn-from", "0-15,24-39", "--rounds", "0", "--size", "3", "--steps", "80", "--crop", "96")
SHOWN = (3, 30)
"""Frames of Fig. 4: one in which a silicon hops, and one with a hole and contamination."""
_SIDE = 112


def study(bench: Bench) -> str:
    movie = bench.data / "multislice" / "graphene_drift.npz"
    command = bench.iterate(movie, "dopants", "--bundle", PARENT, *OPTIONS, "--classes", ",".join(CLASSES), "--split-by", "1.4")
    ensemble = opened(bench.work / "dopants" / "classes")
    frames = list(read_truth(movie))
    result = scored(frames, ensemble)
    rows = []
    for part in result.segments:
        for figures in part.classes:
            true = sum(n for (kind, _), n in part.confusion.items() if kind == CLASSES.index(figures.name))
            rows.append((f"{part.name}, {figures.name}", f"{figures.precision:.4f}", f"{figures.recall:.4f}", str(true)))
    nominal = result.segments[0]
    confused = [
        (name, *(str(nominal.confusion.get((row, column), 0)) for column in (0, 1, -1)))
        for name, row in (("C", 0), ("Si", 1), ("not there", -1))
    ]
    picture(bench, [(index, seen(frames[index], ensemble), frames[index]) for index in SHOWN])
    return "\n\n".join(
        [
            f"```\n{command}\n```",
            "It learnt from all frames but those of `defocus` and `magnification`, which are new to it and show other specimens.",
            Sheet("", ("segment, class", "precision", "recall", "atoms"), tuple(rows)).markdown,
            "Found as, in `nominal`:",
            Sheet("", ("true", *CLASSES, "missed"), tuple(confused)).markdown,
            "![Spread over the members, class by class](pictures/uncertainty.png)",
            f"As the paper's Fig. 4, around a silicon atom of frames {SHOWN[0]} and {SHOWN[1]}: image, mean (blue C, orange Si), and "
            "for each class the standard deviation over the members, raw (both classes on one scale) and divided by its largest value.",
        ]
    )


def picture(bench: Bench, shown: list[tuple[int, Sight, KnownFrame]]) -> None:
    """A row a frame: image, mean, and the spread of each class, raw and normalised."""
    rows = []
    for index, sight, frame in shown:
        part = _around_silicon(frame)
        assert sight.std is not None
        mean, std = sight.mean[:, *part], sight.std[:, *part]
        most = float(std.max())
        row = [Panel(sight.image[part], f"frame {index}"), Panel(coloured(mean, CLASSES, CLASSES), "mean")]
        for name, own in zip(CLASSES, std, strict=True):
            row.append(spread_panel(own, f"std, {name}", f"0 to {most:.2f}", most))
            row.append(spread_panel(own, f"std, {name}, normalised", f"divided by {own.max():.2f}"))
        rows.append(row)
    save_panels(bench.pictures / "uncertainty.png", rows, 1.9)


def _around_silicon(frame: KnownFrame) -> tuple[slice, slice]:
    """A square around the visible silicon atom that is nearest to the frame's middle."""
    places = frame.positions[(frame.class_ids == 1) & frame.visible]
    middle = np.asarray(frame.pixels.shape) / 2.0
    place = places[np.argmin(np.linalg.norm(places - middle, axis=1))]
    row, column = (int(np.clip(round(x) - _SIDE // 2, 0, side - _SIDE)) for x, side in zip(place, frame.pixels.shape, strict=True))
    return slice(row, row + _SIDE), slice(column, column + _SIDE)
