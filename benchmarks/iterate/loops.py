"""Running a loop as a user would, and scoring what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.cli import main
from elitscope_models.ensemble import Ensemble
from elitscope_models.evaluate import Evaluation, evaluate
from elitscope_models.loading import open_plan
from elitscope_models.training.iterate.experiment import Frame, Sight, look, on_grid
from elitscope_models.truth import KnownFrame
from elitscope_models.zoo import find_bundle


@dataclass(frozen=True)
class Bench:
    """`data`: reference data; `work`: where loops are kept; `pictures`: where the documentation's go; `workers`: members at once."""

    data: Path
    work: Path
    pictures: Path
    workers: int

    def iterate(self, frames: Path, out: str, *options: str) -> str:
        """Run a loop, or go on with it, into `work`/`out`; the command as a user would type it.

        Raises:
            RuntimeError: it was refused.
        """
        folder = self.work / out
        command = ["iterate", str(frames), *options, "--out", str(folder)]
        self.run(*command, "--workers", str(self.workers), "--threads", "1", "--device", "cpu", "--resume")
        shown = [part.replace(f"{self.work}/", "./").replace(f"{self.data}/", "") for part in command]
        return shlex.join(["elitscope-models", *shown])

    def run(self, *arguments: str) -> None:
        """`elitscope-models` with these arguments.

        Raises:
            RuntimeError: it was refused.
        """
        if code := main(list(arguments)):
            raise RuntimeError(f"elitscope-models {shlex.join(arguments)} ended with {code}")


def opened(place: Path | str) -> Ensemble:
    """The ensemble of a folder, or of a name that ships, under the plan whose figures do not depend on the computer."""
    return open_plan(bundle_of(place), "fp32", threads=1)


def bundle_of(place: Path | str) -> Bundle:
    return load_bundle(find_bundle(str(place)))


def scored(frames: Iterable[KnownFrame], ensemble: Ensemble) -> Evaluation:
    """Figures against known atoms, whose classes are numbered as the ensemble numbers those of the same names."""
    own = ensemble.classes
    return evaluate([_renumbered(frame, own) for frame in frames], ensemble)


def seen(frame: KnownFrame, ensemble: Ensemble, members: Sequence[int] | None = None) -> Sight:
    """What an ensemble, or some of its members, see in a frame, on their own grid."""
    pixels = Frame(frame.segment or "frame", frame.pixels, (frame.sampling, frame.sampling))
    return look(on_grid(pixels, ensemble), ensemble, ensemble.members if members is None else members)


def _renumbered(frame: KnownFrame, names: Sequence[str]) -> KnownFrame:
    if len(names) < 2 or not set(frame.classes) & set(names):
        return frame
    ordered = (*names, *(name for name in frame.classes if name not in names))
    places = np.array([ordered.index(name) for name in frame.classes])
    return replace(frame, class_ids=places[frame.class_ids], classes=ordered)
