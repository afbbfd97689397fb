"""How good an ensemble and each of its members are on frames with known atoms.

Atoms are scored by `elitscope_models.score`; maps by intersection over union with discs around the known atoms (ELIT paper, Table 1). What
lies on atoms that nobody could see counts neither for nor against. Atoms are matched whatever their class; which class they were given is
a question of its own. True and found classes are paired by their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope_models.analyse import Analysis, analyse
from elitscope_models.ensemble import Ensemble
from elitscope_models.figures import NOBODY, Figures, Judgement, figures
from elitscope_models.score import Matches, matches, mean_iou, overlaps
from elitscope_models.truth import KnownFrame, discs

Mask = np.ndarray[Any, np.dtype[np.bool_]]

UNSEEN_RADIUS = 1.0
"""Å around an atom that nobody could see within which maps are not judged."""


@dataclass(frozen=True)
class Sight:
    """A frame and what the ensemble made of it: `found`, float [atom, 2], (row, column) in px, and what became of the atoms."""

    index: int
    frame: KnownFrame
    found: np.ndarray[Any, Any]
    matches: Matches


@dataclass(frozen=True)
class Evaluation:
    """The ensemble on everything, on each segment of a movie (none where there is but one) and on each frame; and its members one by one.

    `bundle`: name and version; `classes`: the ensemble's; `true_classes`: those of the known atoms, where they have names; `worst`: the
    frame of the lowest F1.
    """

    bundle: str
    plan: str
    classes: tuple[str, ...]
    true_classes: tuple[str, ...]
    ensemble: Figures
    segments: tuple[Figures, ...]
    frames: tuple[Figures, ...]
    members: tuple[Figures, ...]
    worst: Sight

    @property
    def member_iou(self) -> tuple[float, float]:
        """Mean and standard deviation of the members' IoU: the last line of the paper's Table 1."""
        each = [member.iou for member in self.members]
        return float(np.mean(each)), float(np.std(each))

    @property
    def member_spread(self) -> float:
        """How far any member's IoU lies from their mean, at most."""
        each = np.array([member.iou for member in self.members])
        return float(np.abs(each - each.mean()).max())


def evaluate(frames: Iterable[KnownFrame], ensemble: Ensemble) -> Evaluation:
    """Analyse every frame with all members, then with each alone, and judge the results.

    Raises:
        ValueError: no frames.
    """
    whole: list[Judgement] = []
    alone: dict[int, list[Judgement]] = defaultdict(list)
    names: tuple[str, ...] = ()
    sights: list[tuple[float, Sight]] = []
    for index, frame in enumerate(frames):
        judgement, sight = _judge(index, frame, ensemble, ensemble.members)
        whole.append(judgement)
        sights = _worse(sights, judgement, sight)
        names = max(names, frame.classes, key=len)
        for member in ensemble.members:
            alone[member].append(_judge(index, frame, ensemble, (member,))[0])
    if not whole:
        raise ValueError("there are no frames to evaluate on")
    manifest, segments = ensemble.bundle.manifest, list(dict.fromkeys(one.segment for one in whole))
    parts = {segment: [one for one in whole if one.segment == segment] for segment in segments} if len(segments) > 1 else {}
    return Evaluation(
        bundle=f"{manifest.name} {manifest.version}",
        plan=ensemble.plan(),
        classes=ensemble.classes,
        true_classes=names,
        ensemble=figures("ensemble", whole, ensemble.classes),
        segments=tuple(figures(segment, some, ensemble.classes) for segment, some in parts.items()),
        frames=tuple(figures(f"{one.index} {one.segment}".strip(), [one], ensemble.classes) for one in whole),
        members=tuple(figures(f"member {member}", some, ensemble.classes) for member, some in alone.items()),
        worst=sights[0][1],
    )


def _judge(index: int, frame: KnownFrame, ensemble: Ensemble, members: tuple[int, ...]) -> tuple[Judgement, Sight]:
    """Some members on one frame."""
    analysis = analyse(frame.pixels, (frame.sampling, frame.sampling), ensemble, members, keep_members=False)
    places = analysis.atoms.positions("px")
    matched = matches(places, frame.positions, frame.pixels.shape, frame.sampling, ignore=~frame.visible)
    masks, known = _masks(frame, len(ensemble.classes), ensemble.bundle.manifest.training.mask_radius)
    both, either = overlaps(analysis.mean, masks, known)
    judgement = Judgement(
        index=index,
        segment=frame.segment,
        iou=mean_iou(analysis.mean, masks, known),
        both=both,
        either=either,
        atoms=matched.counts,
        confusion=_confusion(frame, analysis, matched),
        support=analysis.atoms["support"][np.concatenate([matched.found, matched.false])],
        warnings=tuple(warning.split(":")[0] for warning in analysis.warnings),
    )
    return judgement, Sight(index, frame, places, matched)


def _worse(sights: list[tuple[float, Sight]], judgement: Judgement, sight: Sight) -> list[tuple[float, Sight]]:
    """The sight of the lower F1, with it; a frame without atoms, true or found, is as good as any can be."""
    atoms = judgement.atoms
    empty = not (atoms.true_positives or atoms.false_positives or atoms.false_negatives)
    f1 = 1.0 if empty else atoms.f1
    return [(f1, sight)] if not sights or f1 < sights[0][0] else sights


def _confusion(frame: KnownFrame, analysis: Analysis, matched: Matches) -> Counter[tuple[int, int]]:
    true, found = frame.class_ids, analysis.atoms["class_id"]
    counted = Counter((int(true[i]), int(found[j])) for i, j in zip(matched.true, matched.found, strict=True))
    counted.update((NOBODY, int(found[j])) for j in matched.false)
    counted.update((int(true[i]), NOBODY) for i in matched.missed)
    return counted


def _masks(
    frame: KnownFrame, classes: int, radius: float
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Discs around visible atoms, bool [class, row, column], with a single class of whatever kind they are; and what can be judged,
    bool [row, column]: neither atoms that nobody could see nor, with several classes, those of a class that the ensemble does not have."""
    kinds = [frame.class_ids == index for index in range(classes)] if classes > 1 else [np.ones(len(frame.positions), bool)]
    shape = frame.pixels.shape
    masks = np.stack([discs(frame.positions[kind & frame.visible], shape, radius / frame.sampling) > 0 for kind in kinds])
    unknown = ~frame.visible | ~np.any(kinds, axis=0)
    return masks, discs(frame.positions[unknown], shape, UNSEEN_RADIUS / frame.sampling) == 0
