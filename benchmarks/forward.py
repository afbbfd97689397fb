"""The networks' part of a frame: members one by one against all in one call, in turns in one process. Medians of ratios."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import seeded_unets, write_ensemble
from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.cores import usable_cores
from elitscope_models.ensemble import Ensemble, load_ensemble
from elitscope_models.loading import with_fusion
from elitscope_models.runtimes import choose
from elitscope_models.spread import mean_and_std

MEMBERS = 8
SIDES = (256, 512)
MOST_THREADS = 2


def run(console: Console, quick: bool) -> dict[str, Any]:
    repeats = 5 if quick else 30
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, bundle in _bundles(Path(folder)):
            for threads in range(1, min(MOST_THREADS, usable_cores()) + 1):
                runtime = choose("cpu", threads=threads)[0]
                ensemble = with_fusion(load_ensemble(bundle, runtime), at_once=True)
                rows += [_measure(name, ensemble, threads, side, repeats) for side in SIDES]
    _print(console, rows, repeats)
    return {"members": MEMBERS, "repeats": repeats, "rows": rows}


def _bundles(folder: Path) -> list[tuple[str, Bundle]]:
    """The networks that ship and, where torch is there to make them, AtomAI's default ones with seeded weights: the work is the same."""
    bundles = [("shipped", load_bundle(write_ensemble(folder, MEMBERS)))]
    if importlib.util.find_spec("torch"):
        from elitscope_models.training.network import UNetShape

        bundles.append(("AtomAI's default", seeded_unets(folder / "default", UNetShape(), MEMBERS)))
    return bundles


def _measure(name: str, ensemble: Ensemble, threads: int, side: int, repeats: int) -> dict[str, Any]:
    image = np.random.default_rng(0).random((side, side), dtype=np.float32)
    maps = np.empty((MEMBERS, len(ensemble.classes), side, side), np.float32)
    mean, std = np.empty(maps.shape[1:], np.float32), np.empty(maps.shape[1:], np.float32)
    whole = ensemble.whole(ensemble.members, image.shape)
    assert whole is not None

    def one_by_one() -> None:
        for target, member in zip(maps, ensemble.members, strict=True):
            target[:] = ensemble.forward(image, member)
        mean_and_std(maps, mean, std)

    def in_one_call() -> None:
        whole(image, maps, mean, std)

    times = np.array([[_time(one_by_one), _time(in_one_call)] for _ in range(repeats + 2)][2:])
    processor = np.array([[_time(one_by_one, time.process_time), _time(in_one_call, time.process_time)] for _ in range(repeats)])
    return {
        "networks": name,
        "precision": ensemble.runtime.precision,
        "threads": threads,
        "side": side,
        "one_by_one_ms": 1e3 * float(np.median(times[:, 0])),
        "in_one_call_ms": 1e3 * float(np.median(times[:, 1])),
        "ratio": float(np.median(times[:, 1] / times[:, 0])),
        "processor_time_ratio": float(np.median(processor[:, 1] / processor[:, 0])),
    }


def _time(work: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return clock() - started


def _print(console: Console, rows: list[dict[str, Any]], repeats: int) -> None:
    table = Table(title=f"{MEMBERS} members, maps, mean and spread; medians of {repeats}")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="left" if column == "networks" else "right")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)
