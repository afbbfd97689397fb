"""AtomAI's default U-Nets with distinct weights: the same networks for every peer, as torch has them and as a bundle.

They are those that AtomAI trained, where the reference data is there, and seeded perturbations of them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from elitscope_models.bundle import Bundle, write_bundle
from elitscope_models.training.atomai import AtomAIFile, read_atomai
from elitscope_models.training.atomai_bundle import Origin, complete, draft, export_member

SAMPLING = 0.1
"""Å/px at which they are served."""
GFLOP_512 = 17.2
"""Of one network on 512² px: two for every multiplication with addition."""

_FILE = "atomai/graphene_ensemble_metadict.tar"
_CHANGE = 1e-3


def reference_file() -> Path | None:
    """AtomAI's own file, None where the reference data is not there."""
    usual = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("ELITSCOPE_TEST_DATA", usual)) / _FILE
    return path if path.exists() else None


def default_unets(path: Path, members: int) -> AtomAIFile:
    """`members` networks: the file's own first, then perturbations of them."""
    file = read_atomai(path)
    own = list(file.weights.values())
    weights = {i: dict(own[i]) if i < len(own) else perturbed(own[i % len(own)], seed=i) for i in range(members)}
    return replace(file, weights=weights)


def perturbed(weights: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """The weights with every kernel changed by a relative 0.1 % or so."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value * (1 + _CHANGE * torch.randn(value.shape, generator=generator)) if value.ndim == 4 else value
        for name, value in weights.items()
    }


def as_bundle(file: AtomAIFile, folder: Path) -> Bundle:
    """The networks as a server reads them."""
    manifest = draft(file, Origin(name="default", release="1", sampling=SAMPLING))
    files = {member: export_member(file, member) for member in file.weights}
    return write_bundle(folder / "default", complete(manifest, files), files)
