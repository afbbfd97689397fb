"""Answers as people and programs read them: a table at the end, or a line of JSON a frame."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from elitscope.types import ATOM_DTYPE, Rejection, Result

_MOST_ROWS = 24


class FrameTable:
    """One row a frame; of a long movie only the last ones are shown."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []
        self._remarks: dict[str, int] = {}
        self._plans: dict[str, None] = {}

    def add(self, answer: Result | Rejection) -> None:
        if isinstance(answer, Rejection):
            self._rows.append((str(answer.frame_id), "", "", "", "", "", f"{answer.code}: {answer.message}"))
            return
        atoms, std = answer.atoms, answer.std
        assert atoms is not None
        self._rows.append(
            (
                str(answer.frame_id),
                str(len(atoms)),
                f"{atoms['support'].mean():.2f}" if len(atoms) else "",
                "" if answer.hotspots is None else str(len(answer.hotspots)),
                "" if std is None else f"{std.mean():.4f}",
                f"{answer.timing.total_ms:.0f}",
                "",
            )
        )
        self._plans[answer.plan] = None
        for warning in answer.warnings:
            code = warning.split(":")[0]
            self._remarks[code] = self._remarks.get(code, 0) + 1

    def show(self, console: Console) -> None:
        table = Table("frame", "atoms", "support", "hotspots", "mean spread", "ms", "", box=None, header_style="bold")
        for column in table.columns[:6]:
            column.justify = "right"
        if len(self._rows) > _MOST_ROWS:
            console.print(f"the last {_MOST_ROWS} of {len(self._rows)} frames:")
        for row in self._rows[-_MOST_ROWS:]:
            table.add_row(*row)
        console.print(table)
        for plan in self._plans:
            console.print(f"plan {plan}", highlight=False)
        for code, count in self._remarks.items():
            console.print(f"{code} ({count} of {len(self._rows)} frames)", style="yellow", highlight=False)


def as_json(answer: Result | Rejection) -> str:
    """One line; numbers that could not be computed are null."""
    if isinstance(answer, Rejection):
        return json.dumps({"frame_id": answer.frame_id, "code": answer.code, "message": answer.message})
    return json.dumps(
        {
            "frame_id": answer.frame_id,
            "ensemble": answer.ensemble,
            "ensemble_version": answer.ensemble_version,
            "members": answer.members,
            "plan": answer.plan,
            "classes": answer.classes,
            "sampling": answer.sampling,
            "warnings": answer.warnings,
            "mean_spread": None if answer.std is None else float(answer.std.mean()),
            "total_ms": answer.timing.total_ms,
            "hotspots": None if answer.hotspots is None else answer.hotspots.as_dicts(),
            "atoms": [_atom(atom) for atom in np.asarray(answer.atoms)],
        },
        ensure_ascii=False,
    )


def _atom(atom: np.void) -> dict[str, Any]:
    values = zip(ATOM_DTYPE.names or (), atom.item(), strict=True)
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values}
