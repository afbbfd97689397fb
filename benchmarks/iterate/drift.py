"""A drifting graphene movie, from an ensemble that AtomAI trained on simulated frames: members one by one (the paper's Fig. 2), and what
learning from the movie's first frames does for all that come later (Fig. 3); the same from the ensemble that ships, which knows it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.iterate.loops import Bench, bundle_of, opened, scored, seen
from benchmarks.iterate.pictures import Panel, map_panel, save_panels, shrink
from elitscope_models.evaluate import Evaluation
from elitscope_models.figures import Figures
from elitscope_models.sheets import Sheet
from elitscope_models.truth import KnownFrame, read_truth

IMPORT = ("--sampling", "0.12", "--normalisation", "local")
OPTIONS = ("--learn-from", "0-5", "--rounds", "1", "--size", "3", "--steps", "80", "--crop", "96")
SHIPPED = "graphene"
SHOWN = (24, 28, 31)
"""Frames of the contamination segment that are drawn."""


@dataclass(frozen=True)
class Lesson:
    """What the ensemble that ships learns from: the first frames of a segment, "" for all of the movie; `filter`: as `--filter` has it."""

    segment: str
    first: int
    filter: str

    @property
    def name(self) -> str:
        """Of its loop."""
        return f"drift-{self.segment or 'whole'}-{self.filter}"


LESSONS = (
    Lesson("contamination", 3, "gmm"),
    Lesson("contamination", 3, "variance"),
    Lesson("defocus", 4, "variance"),
    Lesson("", 6, "variance"),
)


def study(bench: Bench) -> str:
    movie, start = bench.data / "multislice" / "graphene_drift.npz", bench.work / "atomai"
    saved = bench.data / "atomai" / "graphene_ensemble_metadict.tar"
    if not start.exists():
        bench.run("import-atomai", str(saved), "--out", str(start), *IMPORT)
    command = bench.iterate(movie, "drift", "--bundle", str(start), *OPTIONS)
    frames = list(read_truth(movie))
    before, after = opened(start), opened(bench.work / "drift" / "round-1")
    first, last = scored(frames, before), scored(frames, after)
    dirty = scored([frame for frame in frames if frame.segment == "contamination"], before)
    best = max(dirty.members, key=lambda member: member.atoms.f1)
    member = before.members[dirty.members.index(best)]
    chosen = tuple(bundle_of(bench.work / "drift" / "round-1").manifest.training.parameters["selection"]["members"])  # type: ignore[index, call-overload, arg-type]
    rows = []
    for index in SHOWN:
        own = f"frame {index}"
        each = [(seen(frames[index], before), "mean of all members"), (seen(frames[index], before, (member,)), f"member {member}")]
        each.append((seen(frames[index], after), "after one round"))
        rows.append([Panel(each[0][0].image, own), *(map_panel(sight.mean[0], title) for sight, title in each)])
    save_panels(bench.pictures / "drift.png", rows, 2.3)
    shrink(bench.work / "drift" / "report" / "members.png", bench.pictures / "drift-members.png")
    return "\n\n".join(
        [
            f"```\nelitscope-models import-atomai graphene_ensemble_metadict.tar --out ./atomai {' '.join(IMPORT)}\n{command}\n```",
            "![Every member by itself on four frames of the movie](pictures/drift-members.png)",
            f"The contact sheet of the report (the paper's Fig. 2). The loop proposed member {', '.join(map(str, chosen))}, by what "
            "each finds on these frames alone. In the segment `contamination`, against known atoms, they are",
            _members(dirty).markdown,
            "The new ensemble learnt from the first six frames of `nominal`, and looked at all 48:",
            _segments(first, last).markdown,
            "![Contaminated frames: mean of all members, best member, after one round](pictures/drift.png)",
            "Frames of that segment, as in the paper's Figs. 2 and 3: image, plain mean, best member by itself, and mean after one round.",
            *_shipped(bench, frames),
        ]
    )


def _shipped(bench: Bench, frames: Sequence[KnownFrame]) -> tuple[str, ...]:
    """The loop from the ensemble that ships, on the movie's or a segment's first frames; scored is what came later."""
    before = opened(SHIPPED)
    rows, commands = [], []
    for lesson in LESSONS:
        own = [frame for frame in frames if lesson.segment in ("", frame.segment)]
        file = bench.data / "multislice" / "graphene_drift.npz"
        if lesson.segment:
            file = bench.work / f"{lesson.segment}.npz"
            np.savez(file, frames=np.stack([frame.pixels for frame in own]), sampling=own[0].sampling)
        options = ("--bundle", SHIPPED, "--learn-from", f"0-{lesson.first - 1}", "--filter", lesson.filter, *OPTIONS[2:])
        commands.append(bench.iterate(file, lesson.name, *options))
        later = own[lesson.first :]
        first, last = (scored(later, ensemble).ensemble.atoms for ensemble in (before, opened(bench.work / lesson.name / "round-1")))
        what = f"{lesson.segment or 'whole movie'}, first {lesson.first} frames, {lesson.filter}"
        rows.append((what, str(len(later)), *(f"{x:.4f}" for x in (first.f1, last.f1, last.precision, last.recall))))
    table = Sheet("", ("learnt from, filter", "frames later", f"F1, {SHIPPED}", "F1 after", "precision", "recall"), tuple(rows))
    return (
        f"And from `{SHIPPED}`, on frames of one segment (files of their own) or of the whole movie:",
        "```\n" + "\n".join(commands) + "\n```",
        table.markdown,
        "Nowhere is this worth its while: an ensemble that knows the conditions of all frames can only forget some by learning from a few. "
        f"Of the segment `defocus`, `{SHIPPED}` misses nothing but the last two frames, on which the lattice has no contrast left.",
    )


def _segments(first: Evaluation, last: Evaluation) -> Sheet:
    def figures(part: Figures) -> tuple[str, str, str]:
        return f"{part.atoms.f1:.4f}", f"{part.atoms.precision:.4f}", f"{part.atoms.recall:.4f}"

    rows = [
        (one.name, *figures(one), *figures(other))
        for one, other in zip((*first.segments, first.ensemble), (*last.segments, last.ensemble), strict=True)
    ]
    return Sheet("", ("", "F1 before", "precision", "recall", "F1 after", "precision", "recall"), tuple(rows))


def _members(result: Evaluation) -> Sheet:
    rows = [
        (part.name, f"{part.atoms.f1:.4f}", f"{part.atoms.precision:.4f}", f"{part.atoms.recall:.4f}")
        for part in (*result.members, result.ensemble)
    ]
    return Sheet("", ("", "F1", "precision", "recall"), tuple(rows))
