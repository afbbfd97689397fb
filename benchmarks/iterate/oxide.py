"""LSMO with islands of NiO, each image by itself: the paper's Fig. 5, b to e."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.iterate.loops import Bench, bundle_of, opened, scored, seen
from benchmarks.iterate.pictures import Panel, coloured, map_panel, save_panels
from elitscope_models.evaluate import Evaluation
from elitscope_models.figures import NOBODY
from elitscope_models.sheets import UNKNOWN, Sheet
from elitscope_models.truth import KnownFrame, read_truth

PARENT = "square-lattice"
CLASSES = ("B", "Ni", "A")
"""The darkest first, as `--classes` takes them."""
FILTER = ("--filter", "variance")
OPTIONS = (*FILTER, "--rounds", "1", "--size", "3", "--steps", "100", "--crop", "96")
RETRAIN = ("--recipe", PARENT, "--baseline", PARENT, "--members", "3")
LONGER = 300
"""Steps of a multi-class round that is trained longer."""
STAGES = {
    "before": "",
    "one round": "oxide-{}/round-1",
    "multi-class": "oxide-{}/classes",
    "multi-class, longer": "oxide-longer-{}/classes",
}
RETRAINED = {"retrained": "retrained", "retrained, one round": "oxide-retrained-{}/round-1"}
"""Stages after the paper's first step: the ensemble trained once more on the simulated data, from its best member's weights."""


def study(bench: Bench) -> str:
    movie = bench.data / "multislice" / "lsmo_nio.npz"
    frames = list(read_truth(movie))
    results: dict[str, list[Evaluation]] = {stage: [] for stage in STAGES}
    commands: list[str] = []
    for index, frame in enumerate(frames):
        image = bench.work / f"lsmo-{index}.npz"
        image.parent.mkdir(parents=True, exist_ok=True)
        np.savez(image, frames=frame.pixels[None], sampling=frame.sampling)
        commands = _loops(bench, image, index)
        for stage, folder in STAGES.items():
            results[stage].append(scored([frame], opened(_place(bench, index, folder))))
    bench.run("train", *RETRAIN, "--out", str(bench.work / "retrained"), "--workers", str(bench.workers), "--device", "cpu", "--resume")
    again = bench.iterate(bench.work / "lsmo-0.npz", "oxide-retrained-0", "--bundle", str(bench.work / "retrained"), *OPTIONS)
    once_more = {stage: [scored(frames[:1], opened(_place(bench, 0, folder)))] for stage, folder in RETRAINED.items()}
    picture(bench, frames[0])
    return "\n\n".join(
        [
            "```\n" + "\n".join(commands) + "\n```",
            _figures(results).markdown,
            f"`longer` is a multi-class round of {LONGER} steps, from the round before.",
            "Classes before (the parent knows A and B), all three images:",
            confusion(results["before"]).markdown,
            "and after the longer multi-class round:",
            confusion(results["multi-class, longer"]).markdown,
            _classes(results["multi-class, longer"]).markdown,
            "![Image, segmentation before, after one round, after the multi-class round](pictures/oxide.png)",
            f"Part of image 0, as the paper's Fig. 5: the image; `{PARENT}` (blue A, orange B); after one round, a single class; after the "
            "longer multi-class round (Ni pink).",
            f"What is not there lies at the rims of islands: columns found twice, a part of them as Ni and a part as B, "
            f"{doubled(results)}. Members that learnt briefly are not done with telling them apart. What is left comes of the labels: "
            "surroundings take some columns of B beside an island for Ni, and longer training learns that too.",
            "The paper retrains its ensemble on the same simulated data first, from the best member's weights. Image 0:",
            f"```\nelitscope-models train {' '.join(RETRAIN)} --out ./retrained\n{again}\n```",
            _figures({stage: results[stage][:1] for stage in ("before", "one round")} | once_more).markdown,
        ]
    )


def _loops(bench: Bench, image: Path, index: int) -> list[str]:
    classes = ("--classes", ",".join(CLASSES), "--split-by", "surroundings")
    first = bench.iterate(image, f"oxide-{index}", "--bundle", PARENT, *OPTIONS, *classes)
    parent = str(bench.work / f"oxide-{index}" / "round-1")
    options = ("--bundle", parent, "--rounds", "0", *FILTER, "--size", "3", "--steps", str(LONGER), "--crop", "96")
    return [first, bench.iterate(image, f"oxide-longer-{index}", *options, *classes)]


def doubled(results: dict[str, list[Evaluation]]) -> str:
    """How many atoms were found that are not there, after multi-class rounds, in words."""
    counts = {
        stage: sum(n for each in results[stage] for (true, _), n in each.ensemble.confusion.items() if true == NOBODY)
        for stage in ("multi-class", "multi-class, longer")
    }
    return f"{counts['multi-class']} in all after 100 steps and {counts['multi-class, longer']} after {LONGER}"


def picture(bench: Bench, frame: KnownFrame) -> None:
    """The paper's Fig. 5: image, before, after one round, multi-class, around the most NiO."""
    order = ("A", "B", "Ni")
    shown = ("before", "one round", "multi-class, longer")
    sights = {stage: seen(frame, opened(_place(bench, 0, STAGES[stage]))) for stage in shown}
    size = 288
    part = _most_of(frame, order.index("Ni"), size)
    before, one, last = (sights[stage].mean[:, *part] for stage in shown)
    names = bundle_of(PARENT).manifest.class_names
    panels = [
        Panel(sights["before"].image[part], "image"),
        Panel(coloured(before, names, order), "before"),
        map_panel(one[0], "one round"),
        Panel(coloured(last, CLASSES, order), "multi-class"),
    ]
    save_panels(bench.pictures / "oxide.png", [panels])


def confusion(results: list[Evaluation]) -> Sheet:
    """True classes against found ones, all images together."""
    true, found = ("A", "B", "Ni"), results[0].classes

    def count(name: str, column: int) -> int:
        row = NOBODY if name == "not there" else results[0].true_classes.index(name)
        return sum(result.ensemble.confusion.get((row, column), 0) for result in results)

    rows = [(name, *(str(count(name, column)) for column in range(len(found))), str(count(name, NOBODY))) for name in true]
    rows.append(("not there", *(str(count("not there", column)) for column in range(len(found))), UNKNOWN))
    return Sheet("", ("true", *found, "missed"), tuple(rows))


def _figures(results: dict[str, list[Evaluation]]) -> Sheet:
    rows = []
    for stage, images in results.items():
        for index, image in enumerate(images):
            atoms = image.ensemble.atoms
            figures = (f"{atoms.recall:.4f}", f"{atoms.precision:.4f}", f"{atoms.f1:.4f}", f"{atoms.rmse:.3f}")
            rows.append((f"image {index}, {stage}", *figures, _told(image)))
    rows.sort(key=lambda row: row[0].partition(",")[0])
    return Sheet("", ("", "detection rate", "precision", "F1", "RMSE, Å", "F1, class right"), tuple(rows))


def _told(image: Evaluation) -> str:
    """F1 of atoms of which the class counts too; of a single class, nothing is told apart."""
    if len(image.classes) < 2:
        return UNKNOWN
    counts = image.ensemble.confusion
    right = sum(n for (true, found), n in counts.items() if true == found)
    found, there = (sum(n for pair, n in counts.items() if pair[side] != NOBODY) for side in (1, 0))
    return f"{2 * right / (found + there):.4f}"


def _classes(results: list[Evaluation]) -> Sheet:
    rows = []
    for index, name in enumerate(results[0].classes):
        each = [result.ensemble.confusion for result in results]
        right = sum(counts.get((index, index), 0) for counts in each)
        found = sum(n for counts in each for (_, f), n in counts.items() if f == index)
        there = sum(n for counts in each for (t, _), n in counts.items() if t == index)
        rows.append((name, f"{right / found:.4f}", f"{right / there:.4f}", str(there)))
    return Sheet("", ("class", "precision", "recall", "atoms"), tuple(rows))


def _most_of(frame: KnownFrame, kind: int, size: int) -> tuple[slice, slice]:
    """The part of a frame, of that side, with the most atoms of a class beside others of another."""
    rows, columns = frame.pixels.shape
    own = frame.class_ids == kind

    def mixed(row: int, column: int) -> int:
        inside = np.all((frame.positions >= (row, column)) & (frame.positions < (row + size, column + size)), axis=1)
        return min(int(np.sum(inside & own)), int(np.sum(inside & ~own)))

    row, column = max(((r, c) for r in range(0, rows - size + 1, 32) for c in range(0, columns - size + 1, 32)), key=lambda p: mixed(*p))
    return slice(row, row + size), slice(column, column + size)


def _place(bench: Bench, index: int, folder: str) -> Path | str:
    return bench.work / folder.format(index) if folder else PARENT
