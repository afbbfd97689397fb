"""What is counted when frames with known atoms are analysed, and the figures that come of it, of one frame or many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope_models.score import Score, mean_overlap, total

NOBODY = -1
"""In the place of a class: a true atom that was not found, or a found one that is not there."""

Confusion = Mapping[tuple[int, int], int]
"""How many atoms of true class i were found as class j."""


@dataclass(frozen=True)
class Judgement:
    """One frame, judged.

    `iou`: mean over classes and background; `both`, `either`: px of intersection and union, int [class + 1], background last; `support`:
    float, of every found atom that counts; `warnings`: their codes.
    """

    index: int
    segment: str
    iou: float
    both: np.ndarray[Any, Any]
    either: np.ndarray[Any, Any]
    atoms: Score
    confusion: Confusion
    support: np.ndarray[Any, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ClassFigures:
    """One class of the ensemble: overlap of its map, and how well its atoms are told from nothing and from others."""

    name: str
    iou: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)


@dataclass(frozen=True)
class Figures:
    """Scores of one network, or of the ensemble, on some frames.

    `iou`: of all frames together; `support`: mean over found atoms, NaN without any; `warnings`: in how many frames each was given.
    """

    name: str
    frames: int
    iou: float
    atoms: Score
    confusion: Confusion
    classes: tuple[ClassFigures, ...]
    support: float
    warnings: Mapping[str, int]

    @property
    def found_per_true(self) -> float:
        """Atoms found, right or wrong, per true atom: what an ensemble abstains from shows here. NaN where there are none."""
        true = self.atoms.true_positives + self.atoms.false_negatives
        return (self.atoms.true_positives + self.atoms.false_positives) / true if true else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them; what could not be computed (`rmse`, Å; `support`; `found_per_true`) is None."""
        return {
            "name": self.name,
            "frames": self.frames,
            "iou": self.iou,
            "precision": self.atoms.precision,
            "recall": self.atoms.recall,
            "f1": self.atoms.f1,
            "rmse": _known(self.atoms.rmse),
            "found_per_true": _known(self.found_per_true),
            "support": _known(self.support),
            "warnings": dict(self.warnings),
            "classes": [{"name": c.name, "iou": c.iou, "precision": c.precision, "recall": c.recall, "f1": c.f1} for c in self.classes],
        }


def figures(name: str, judgements: Iterable[Judgement], classes: Sequence[str]) -> Figures:
    """Frames taken together, one at least; `classes`: the ensemble's."""
    each = list(judgements)
    both, either = (np.sum([getattr(one, part) for one in each], axis=0) for part in ("both", "either"))
    confusion: Counter[tuple[int, int]] = Counter()
    for one in each:
        confusion.update(one.confusion)
    support = np.concatenate([one.support for one in each])
    return Figures(
        name=name,
        frames=len(each),
        iou=mean_overlap(both, either),
        atoms=total(one.atoms for one in each),
        confusion=dict(sorted(confusion.items())),
        classes=tuple(
            ClassFigures(label, float(both[index] / either[index]) if either[index] else 1.0, *_rates(confusion, index, len(classes)))
            for index, label in enumerate(classes)
        ),
        support=float(support.mean()) if len(support) else float("nan"),
        warnings=dict(sorted(Counter(code for one in each for code in set(one.warnings)).items())),
    )


def confusion_table(confusion: Confusion, true: Sequence[str], found: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Rows of true classes and, last, of what is not there; columns of found classes and, last, of what was missed.

    >>> confusion_table({(0, 0): 5, (1, 0): 2, (1, NOBODY): 1}, ("C", "Si"), ("atom",))
    [('C', [5, 0]), ('Si', [2, 1]), ('not there', [0, 0])]
    """
    known = {row for row, _ in confusion if row != NOBODY} | set(range(len(true)))
    names = [*((true[row] if row < len(true) else f"class {row}", row) for row in sorted(known)), ("not there", NOBODY)]
    return [(name, [confusion.get((row, column), 0) for column in (*range(len(found)), NOBODY)]) for name, row in names]


def _rates(confusion: Confusion, index: int, classes: int) -> tuple[float, float]:
    """Precision and recall of a class; of an only class, whatever kind the atoms are."""
    own = sum(n for (true, found), n in confusion.items() if found == index and (true == index or (classes == 1 and true != NOBODY)))
    taken = sum(n for (_, found), n in confusion.items() if found == index)
    there = sum(n for (true, _), n in confusion.items() if true == index or (classes == 1 and true != NOBODY))
    return own / max(1, taken), own / max(1, there)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
