"""An evaluation as tables: the same for the terminal, for model cards and for the documentation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from elitscope_models.evaluate import Evaluation
from elitscope_models.figures import Figures, confusion_table

UNKNOWN = "–"
_OF_BUNDLES = frozenset({"spread_uncalibrated", "single_member"})
"""Warnings that say something about the ensemble, in every frame alike, and nothing about the frame."""
_SEGMENT_HEADERS = ("", "frames", "F1", "precision", "recall", "RMSE, Å", "IoU", "found per true", "support", "warnings")


@dataclass(frozen=True)
class Sheet:
    """A table of text: the first column names the rows, the others are figures."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """As a Markdown table, without its title.

        >>> print(Sheet("", ("", "F1"), (("all", "0.9"),)).markdown)
        |  | F1 |
        | --- | ---: |
        | all | 0.9 |
        """
        rule = ("---", *("---:" for _ in self.headers[1:]))
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.headers, rule, *self.rows))


def sheets(result: Evaluation) -> Iterator[Sheet]:
    """Segments and the whole; members one by one with their mean and spread (Table 1); classes, where there are several."""
    whole = f"all, {result.bundle}" if result.segments else result.bundle
    rows = [*(_row(figures.name, figures) for figures in result.segments), _row(whole, result.ensemble)]
    yield Sheet("the ensemble", _SEGMENT_HEADERS, tuple(rows))
    yield members(result)
    if len(result.classes) > 1:
        yield classes(result)
    if len(result.classes) > 1 or len(result.true_classes) > 1:
        yield confusion(result)


def members(result: Evaluation) -> Sheet:
    """The paper's Table 1, with the members' F1 and RMSE beside their IoU."""
    rows = [
        (member.name, f"{member.iou:.4f}", f"{member.atoms.f1:.4f}", _number(member.atoms.rmse, 3), _number(member.found_per_true, 3))
        for member in result.members
    ]
    mean, std = result.member_iou
    rows.append(("average", f"{mean:.4f} ± {std:.4f}", f"{_mean_f1(result):.4f}", "", ""))
    rows.append(("farthest from it", f"{100 * result.member_spread:.2f} %", "", "", ""))
    rows.append(("ensemble", f"{result.ensemble.iou:.4f}", f"{result.ensemble.atoms.f1:.4f}", _number(result.ensemble.atoms.rmse, 3), ""))
    return Sheet("its members", ("", "IoU", "F1", "RMSE, Å", "found per true"), tuple(rows))


def classes(result: Evaluation) -> Sheet:
    """Each class of the ensemble."""
    rows = [
        (own.name, f"{own.iou:.4f}", f"{own.precision:.4f}", f"{own.recall:.4f}", f"{own.f1:.4f}", str(_there(result.ensemble, index)))
        for index, own in enumerate(result.ensemble.classes)
    ]
    return Sheet("classes", ("", "IoU", "precision", "recall", "F1", "atoms"), tuple(rows))


def confusion(result: Evaluation) -> Sheet:
    """Which class the atoms of each true class were given."""
    table = confusion_table(result.ensemble.confusion, result.true_classes, result.classes)
    return Sheet(
        "found as",
        ("true", *result.classes, "missed"),
        tuple((name, *map(str, counts[:-1]), UNKNOWN if name == "not there" else str(counts[-1])) for name, counts in table),
    )


def remarks(figures: Figures) -> str:
    """Warnings about frames, and in how many of them."""
    return ", ".join(f"{code} {count}/{figures.frames}" for code, count in figures.warnings.items() if code not in _OF_BUNDLES)


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    atoms = figures.atoms
    return (
        name,
        str(figures.frames),
        f"{atoms.f1:.4f}",
        f"{atoms.precision:.4f}",
        f"{atoms.recall:.4f}",
        _number(atoms.rmse, 3),
        f"{figures.iou:.4f}",
        _number(figures.found_per_true, 3),
        _number(figures.support, 3),
        remarks(figures),
    )


def _mean_f1(result: Evaluation) -> float:
    return sum(member.atoms.f1 for member in result.members) / len(result.members)


def _there(figures: Figures, index: int) -> int:
    return sum(count for (true, _), count in figures.confusion.items() if true == index)


def _number(value: float, digits: int) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:.{digits}f}"
