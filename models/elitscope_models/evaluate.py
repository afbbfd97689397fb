"""How good an ensemble and each of its members are on frames with known atoms.

Atoms are scored by `elitscope_models.score`; maps by intersection over union with discs around the known atoms (ELIT paper, Table 1). What
lies on atoms that nobody could see counts neither for nor against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope_models.analyse import analyse
from elitscope_models.ensemble import Ensemble
from elitscope_models.score import Score, mean_iou, score, total
from elitscope_models.truth import KnownFrame, discs

MASK_RADIUS = 0.5
"""Å, radius of an atom's disc where a bundle does not say what it was trained with."""
UNSEEN_RADIUS = 1.0
"""Å around an atom that nobody could see within which maps are not judged."""


@dataclass(frozen=True)
class Figures:
    """Scores of one network, or of the ensemble, on some frames. `iou`: mean over frames."""

    name: str
    frames: int
    iou: float
    atoms: Score

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them; `rmse` (Å) is None where nothing was found."""
        rmse = self.atoms.rmse
        return {
            "name": self.name,
            "frames": self.frames,
            "iou": self.iou,
            "precision": self.atoms.precision,
            "recall": self.atoms.recall,
            "f1": self.atoms.f1,
            "rmse": None if np.isnan(rmse) else rmse,
        }


@dataclass(frozen=True)
class Evaluation:
    """The ensemble on everything, on each segment of a movie (none where there is but one), and its members one by one."""

    plan: str
    ensemble: Figures
    segments: tuple[Figures, ...]
    members: tuple[Figures, ...]


def evaluate(frames: Iterable[KnownFrame], ensemble: Ensemble) -> Evaluation:
    """Analyse every frame with all members, then with each alone, and score the results.

    Raises:
        ValueError: no frames, or atoms of a class that the ensemble does not have.
    """
    whole: dict[str, list[tuple[float, Score]]] = defaultdict(list)
    alone: dict[int, list[tuple[float, Score]]] = defaultdict(list)
    for frame in frames:
        whole[frame.segment].append(_judge(frame, ensemble, ensemble.members))
        for member in ensemble.members:
            alone[member].append(_judge(frame, ensemble, (member,)))
    if not whole:
        raise ValueError("there are no frames to evaluate on")
    everything = [result for results in whole.values() for result in results]
    return Evaluation(
        plan=ensemble.plan(),
        ensemble=_figures("ensemble", everything),
        segments=tuple(_figures(name, results) for name, results in whole.items()) if len(whole) > 1 else (),
        members=tuple(_figures(f"member {member}", results) for member, results in alone.items()),
    )


def _judge(frame: KnownFrame, ensemble: Ensemble, members: tuple[int, ...]) -> tuple[float, Score]:
    """(IoU, score of the atoms) of some members on one frame."""
    found = analyse(frame.pixels, (frame.sampling, frame.sampling), ensemble, members)
    masks = _masks(frame, len(ensemble.classes), _mask_radius(ensemble))
    judged = discs(frame.positions[~frame.visible], frame.pixels.shape, UNSEEN_RADIUS / frame.sampling) == 0
    places = found.atoms.positions("px")
    return (
        mean_iou(found.mean, masks, judged),
        score(places, frame.positions, frame.pixels.shape, frame.sampling, ignore=~frame.visible),
    )


def _masks(frame: KnownFrame, classes: int, radius: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool [class, row, column]: discs around visible atoms; with a single class, of whatever kind they are."""
    if classes > 1 and len(frame.class_ids) and frame.class_ids.max() >= classes:
        raise ValueError(f"the frames have atoms of class {frame.class_ids.max()}, the ensemble only {classes} classes")
    kinds = [frame.class_ids == index for index in range(classes)] if classes > 1 else [np.ones(len(frame.positions), bool)]
    shown = [frame.positions[kind & frame.visible] for kind in kinds]
    return np.stack([discs(positions, frame.pixels.shape, radius / frame.sampling) > 0 for positions in shown])


def _mask_radius(ensemble: Ensemble) -> float:
    stated = ensemble.bundle.manifest.training.parameters.get("mask_radius")
    return float(stated) if isinstance(stated, int | float) else MASK_RADIUS


def _figures(name: str, results: list[tuple[float, Score]]) -> Figures:
    return Figures(name, len(results), float(np.mean([iou for iou, _ in results])), total(atoms for _, atoms in results))
