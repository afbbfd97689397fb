"""The search for atoms without its stops."""

from __future__ import annotations

from typing import Any

from elitscope.types import AtomTable
from elitscope_models.atoms import atom_steps
from elitscope_models.steps import finish


def find_atoms(*arguments: Any, **options: Any) -> AtomTable:
    """`atom_steps`, run to its end."""
    return finish(atom_steps(*arguments, **options))
