"""`python -m benchmarks.accuracy`: score the ensembles that ship on multislice movies and write the figures into `docs/accuracy.md`.

The movies are reference data, not part of the project: `ELITSCOPE_TEST_DATA` names their folder. AtomAI's figures stand here as measured.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from elitscope_models.bundle import BundleInvalid, load_bundle
from elitscope_models.evaluate import Evaluation, evaluate
from elitscope_models.figures import Figures
from elitscope_models.loading import open_plan
from elitscope_models.sheets import UNKNOWN, Sheet, remarks, sheets
from elitscope_models.truth import read_truth
from elitscope_models.zoo import find_bundle

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "accuracy.md"
BEGIN, END = "<!-- figures: written by python -m benchmarks.accuracy -->", "<!-- end of figures -->"
MOVIES = {"graphene": "graphene_drift.npz", "graphene-si": "graphene_drift.npz", "square-lattice": "lsmo_nio.npz"}
ATOMAI = {
    "nominal": ("0.772 (0.046)", "0.996 (0.033)"),
    "dose": ("0.715 (0.095)", "0.961 (0.059)"),
    "defocus": ("0.361 (0.199)", "0.602 (0.133)"),
    "contamination": ("0.558 (0.090)", "0.950 (0.054)"),
    "scan": ("0.640 (0.058)", "0.990 (0.036)"),
    "magnification": ("0.714 (0.056)", "0.994 (0.037)"),
}
"""AtomAI 0.8.1, 4 default U-Nets, frames resampled to 0.10 Å/px: F1 (RMSE, Å) with its own min-max, and after a 0.5–99 percentile clip."""
ATOMAI_DEFOCUS = (0.99, 0.98, 0.90, 0.77, 0.50, 0.30, 0.25, 0.09)
"""F1 of the frames of the segment `defocus`, clipped."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BUNDLE", help=f"which to score; by default those of {', '.join(MOVIES)} that ship")
    parser.add_argument("--plan", default="fp32", help="default: fp32, whose figures do not depend on the computer")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("ELITSCOPE_TEST_DATA", "")) / "multislice"
    if not folder.is_dir():
        print(f"{folder} is no folder: let ELITSCOPE_TEST_DATA name the one that holds `multislice`", file=sys.stderr)
        return 2
    parts = []
    for name in arguments.names or MOVIES:
        try:
            bundle = load_bundle(find_bundle(name))
        except BundleInvalid as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        movie = MOVIES.get(bundle.manifest.name, MOVIES["graphene"])
        frames = list(track(read_truth(folder / movie), name, console=Console(stderr=True)))
        parts.append(section(movie, evaluate(frames, open_plan(bundle, arguments.plan))))
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), "\n\n".join(parts)))
    print(f"written to {DOCUMENT}", file=sys.stderr)
    return 0


def section(movie: str, result: Evaluation) -> str:
    """The figures of one ensemble on one movie, as Markdown."""
    drifting = movie == MOVIES["graphene"]
    tables = (
        [("Beside AtomAI: F1 (RMSE, Å)", beside_atomai(result)), ("Frames of the segment `defocus`", defocus(result))] if drifting else []
    )
    tables += [(sheet.title.capitalize(), sheet) for sheet in sheets(result)]
    text = [f"## {result.bundle} on `{movie}`", f"Plan `{result.plan}`.", *(f"**{title}**\n\n{sheet.markdown}" for title, sheet in tables)]
    return "\n\n".join(text)


def beside_atomai(result: Evaluation) -> Sheet:
    """Segment by segment, bold where the ensemble is better than both ways of running AtomAI."""
    rows = []
    for part in result.segments:
        theirs = ATOMAI[part.name]
        better = all(part.atoms.f1 > float(text.split()[0]) for text in theirs)
        own = f"{part.atoms.f1:.3f} ({part.atoms.rmse:.3f})"
        rows.append((part.name, f"**{own}**" if better else own, *theirs))
    return Sheet("", ("", result.bundle, "AtomAI 0.8.1, 4 default U-Nets", "the same, frames clipped"), tuple(rows))


def defocus(result: Evaluation) -> Sheet:
    """What the ensemble finds, and abstains from, as the lattice fades."""
    rows = [
        (str(index), f"{part.atoms.f1:.3f}", f"{theirs:.2f}", f"{part.atoms.precision:.3f}", *_confidence(part))
        for index, (part, theirs) in enumerate(zip(_of(result, "defocus"), ATOMAI_DEFOCUS, strict=True))
    ]
    return Sheet("", ("frame", "F1", "AtomAI, clipped", "precision", "found per true", "support", "warnings"), tuple(rows))


def replaced(document: str, figures: str, begin_mark: str = BEGIN, end_mark: str = END) -> str:
    """The document with other figures between its two marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = document.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not (begin and end):
        raise ValueError(f"the document lacks {begin_mark!r} or {end_mark!r}: put both where the figures belong")
    return f"{before}{begin_mark}\n\n{figures}\n\n{end_mark}{after}"


def _of(result: Evaluation, segment: str) -> Iterator[Figures]:
    return (frame for frame in result.frames if frame.name.split()[-1] == segment)


def _confidence(part: Figures) -> tuple[str, str, str]:
    support = UNKNOWN if math.isnan(part.support) else f"{part.support:.2f}"
    return f"{part.found_per_true:.2f}", support, remarks(part).replace(" 1/1", "")


if __name__ == "__main__":
    sys.exit(main())
