"""One frame of 512², 8 members, client to client through ZeroMQ: how long, and in which stage.

"Around the networks" is everything but the forward passes: receive, decode, normalise, mean and standard deviation, atoms, reply, and the
client's own part.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from elitscope import Client
from elitscope.simulator import movie
from tests.support.server import RunningServer

MEMBERS = 8
SIDE = 512
STAGES = ("queue_ms", "preprocess_ms", "inference_ms", "atoms_ms")


def run(console: Console, quick: bool) -> dict[str, Any]:
    repeats = 10 if quick else 60
    frames = list(movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1))
    with tempfile.TemporaryDirectory() as folder:
        write_ensemble(Path(folder) / "bundles", MEMBERS)
        with (
            RunningServer("--bundles", Path(folder) / "bundles", data_dir=Path(folder) / "data") as server,
            Client(server.server) as client,
        ):
            rows = [_measure(client, frames[i % len(frames)]) for i in range(repeats + 5)][5:]
    medians = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    _print(console, medians, rows)
    share = medians["around_ms"] / medians["round_trip_ms"]
    return {"side": SIDE, "members": MEMBERS, "repeats": repeats, "median": medians, "around_share": share}


def _measure(client: Client, frame: Any) -> dict[str, float]:
    started = time.perf_counter()
    result = client.infer(frame.pixels, sampling=frame.sampling)
    round_trip = (time.perf_counter() - started) * 1e3
    assert result.atoms is not None
    timing = {stage: getattr(result.timing, stage) for stage in STAGES}
    server_other = result.timing.total_ms - sum(timing.values())
    return {
        **timing,
        "server_other_ms": server_other,
        "transport_and_client_ms": round_trip - result.timing.total_ms,
        "round_trip_ms": round_trip,
        "around_ms": round_trip - timing["inference_ms"],
        "atoms_found": float(len(result.atoms)),
    }


def _print(console: Console, medians: dict[str, float], rows: list[dict[str, float]]) -> None:
    table = Table(
        title=f"{SIDE}² px, {MEMBERS} members, outputs mean, std, atoms, hotspots; {len(rows)} frames, {medians['atoms_found']:.0f} atoms"
    )
    for column in ("stage", "median ms", "90 % ms", "share"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for key in (*STAGES, "server_other_ms", "transport_and_client_ms", "around_ms", "round_trip_ms"):
        high = float(np.percentile([row[key] for row in rows], 90))
        table.add_row(
            key.removesuffix("_ms").replace("_", " "),
            f"{medians[key]:.2f}",
            f"{high:.2f}",
            f"{medians[key] / medians['round_trip_ms']:.1%}",
        )
    console.print(table)
