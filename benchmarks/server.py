"""A server with the shipped eight networks: how soon it is ready, how much memory it holds, and what one core of it keeps up with.

262 ms is what a scan of 512² px at 1 µs a pixel takes: a server that is faster keeps up with it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.latency import round_trip_ms
from benchmarks.pinning import Pinning, only_on, two_cores
from elitscope import Client
from elitscope.simulator import movie
from elitscope_models.bundle import load_bundle
from elitscope_models.zoo import find_bundle
from tests.support.server import RunningServer

SIDE = 512
SCAN_MS = 262.0


def run(console: Console, quick: bool) -> dict[str, Any]:
    repeats, starts = (10, 2) if quick else (100, 5)
    bundle = find_bundle("graphene")
    frames = list(movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _start(bundle, data)  # fills the cache of compiled networks
        seconds = [_start(bundle, data) for _ in range(starts)]
        cores = two_cores()
        with only_on(cores[0]):  # the engine stays there, everything else moves away
            server = RunningServer("--bundles", bundle, data_dir=data)
        with server, only_on(cores[1]), Pinning(server.process.pid, server.child("engine").pid, cores), Client(server.server) as client:
            for i in range(15):
                client.infer(frames[i % 4].pixels, sampling=0.1)
            times = [round_trip_ms(client, frames[i % 4].pixels, 0.1) for i in range(repeats)]
            parts = {name: _resident(process) for name, process in _processes(server)}
    results = {
        "members": len(load_bundle(bundle).manifest.members),
        "side": SIDE,
        "start_s": float(np.median(seconds)),
        "one_core_p50_ms": float(np.median(times)),
        "one_core_p99_ms": float(np.percentile(times, 99)),
        "resident_mib": parts,
        "resident_total_mib": sum(parts.values()),
    }
    _print(console, results)
    return results


def _start(bundle: Path, data: Path) -> float:
    """Seconds to the `ready` line."""
    started = time.perf_counter()
    with RunningServer("--bundles", bundle, data_dir=data):
        return time.perf_counter() - started


def _processes(server: RunningServer) -> list[tuple[str, psutil.Process]]:
    parent = psutil.Process(server.process.pid)
    return [("parent", parent), *((_name(child), child) for child in parent.children(recursive=True))]


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    module = next((word for word in words if word.startswith("elitscope_service.")), Path(words[0]).name)
    return module.removeprefix("elitscope_service.")


def _resident(process: psutil.Process) -> float:
    """MiB of its own and of shared pages, the latter by the processes that share them."""
    return float(process.memory_full_info().pss / 2**20)


def _print(console: Console, results: dict[str, Any]) -> None:
    table = Table(title=f"the shipped graphene ensemble, {results['members']} networks, {SIDE}²")
    for column in ("", "measured"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("start to ready, warm disk", f"{results['start_s']:.1f} s")
    table.add_row("one core, client to client, p50", f"{results['one_core_p50_ms']:.0f} ms")
    table.add_row("one core, client to client, p99", f"{results['one_core_p99_ms']:.0f} ms")
    for name, size in results["resident_mib"].items():
        table.add_row(f"memory, {name}", f"{size:.0f} MiB")
    table.add_row("memory, all together", f"{results['resident_total_mib']:.0f} MiB")
    console.print(table)
