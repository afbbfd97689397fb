"""Specimens from molecular dynamics: snapshots that are computed once, kept in a cache folder, and tiled over a field of view."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from elitscope.simulator import Specimen
from elitscope.simulator.graphene import doped, relaxed
from elitscope.simulator.lattice import fill
from elitscope_models.training.dynamics import Dynamics, run
from elitscope_models.training.files import replace_file

COLUMN = 0.7
"""Å in projection within which atoms above each other are one bright column, which no image could tell apart."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Snapshots:
    """Atoms of one periodic cell at several times."""

    cell: Array
    """float32 [2, 2]: the cell's vectors, Å."""
    positions: tuple[Array, ...]
    """float32 [atom, 2] each, Å."""

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class MolecularSheets:
    """Graphene by molecular dynamics, from nearly whole to a few atoms, as the ELIT paper's; classes (C, Si).

    The dynamics runs once, when the first sheet is drawn, and shows how far it is; its snapshots stay in `cache_folder()`.
    """

    dynamics: Dynamics = field(default_factory=Dynamics)
    dopants: float = 0.0
    """Largest fraction of atoms that are silicon."""

    def draw(self, field: tuple[float, float], rng: np.random.Generator) -> Specimen:
        """One sheet that fills a field of view (row, column) in Å and a margin around it."""
        kept = snapshots(self.dynamics, cache_folder())
        return molecular_specimen(field, rng, kept, dopants=rng.uniform(0.0, self.dopants))


def molecular_specimen(
    field: tuple[float, float], rng: np.random.Generator, snapshots: Snapshots, dopants: float = 0.0, rotation: float | None = None
) -> Specimen:
    """A random snapshot, repeated over a field of view from a random place on; classes ("C", "Si").

    Args:
        field: field of view, (row, column) in Å.
        rng: source of every random choice.
        snapshots: of which one is taken.
        dopants: fraction of columns that are silicon, whose neighbours are pushed outward.
        rotation: degrees; drawn at random when None.

    Returns:
        One entry for each column: atoms closer than `COLUMN` in projection are one, as bright as they are together.
    """
    atoms = snapshots.positions[int(rng.integers(len(snapshots)))].astype(np.float64)
    sites, together = _columns(fill(snapshots.cell.astype(np.float64), atoms, field, rng, rotation, strain=0.0)[0])
    silicon = rng.random(len(sites)) < dopants
    specimen = doped(relaxed(sites, silicon, rng), silicon)
    return replace(specimen, weights=specimen.weights + (together - 1.0))


def snapshots(dynamics: Dynamics, folder: Path, computed: Callable[[Dynamics, Path], Snapshots] | None = None) -> Snapshots:
    """The snapshots of a run, read from `folder`, or computed and kept there.

    They repeat: the same parameters and the same versions of what computes them give the same file.

    Args:
        dynamics: what to run.
        folder: where runs are kept, one `.npz` each, named by a digest of parameters and versions.
        computed: computes them where they are missing; by default it runs the dynamics and shows a bar on standard error.
    """
    path = folder / f"graphene-{_digest(dynamics)}.npz"
    if not path.exists():
        _write(path, (computed or _shown)(dynamics, path))
    return _read(path)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where runs are kept: `$ELITSCOPE_CACHE`, or `elitscope` in `$XDG_CACHE_HOME` or else in `~/.cache`.

    >>> cache_folder({"ELITSCOPE_CACHE": "/big/disk"}).as_posix()
    '/big/disk'
    """
    if own := environment.get("ELITSCOPE_CACHE"):
        return Path(own)
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "elitscope"


def _shown(dynamics: Dynamics, path: Path) -> Snapshots:
    console = Console(stderr=True)
    console.print(f"molecular dynamics, {dynamics.removals * dynamics.steps} steps, once; kept in {path}", highlight=False, soft_wrap=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("molecular dynamics", total=dynamics.removals * dynamics.steps)
        cell, positions = run(dynamics, lambda steps: bar.advance(task, steps))
    return Snapshots(cell, tuple(positions))


def _digest(dynamics: Dynamics) -> str:
    software = {name: version(name) for name in ("ase", "matscipy", "numpy")}
    return hashlib.sha256(json.dumps([asdict(dynamics), software], sort_keys=True).encode()).hexdigest()[:16]


def _write(path: Path, found: Snapshots) -> None:
    """Completely or not at all: a run that is interrupted leaves nothing behind."""
    atoms = np.array([len(each) for each in found.positions])
    buffer = io.BytesIO()
    np.savez(buffer, cell=found.cell, positions=np.concatenate(found.positions), atoms=atoms)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getbuffer())


def _read(path: Path) -> Snapshots:
    with np.load(path, allow_pickle=False) as file:
        return Snapshots(file["cell"], tuple(np.split(file["positions"], np.cumsum(file["atoms"])[:-1])))


def _columns(sites: Array) -> tuple[Array, Array]:
    """Centres of columns, float64 [column, 2], and how many atoms each has."""
    pairs = cKDTree(sites).query_pairs(COLUMN, output_type="ndarray") if len(sites) else np.zeros((0, 2), int)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(sites), len(sites)))
    count, column = connected_components(graph, directed=False)
    together = np.bincount(column, minlength=count).astype(np.float64)
    centres = np.stack([np.bincount(column, sites[:, axis], minlength=count) / together for axis in (0, 1)], axis=1)
    return centres, together
