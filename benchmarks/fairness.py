"""A stream of 256² frames at 10 frames/s, alone and beside a stream of 4096² frames that uses all its credit.

Latency in units of a tile's time tells how long the small stream waits for the large one. Few members, so that the small stream alone
leaves a 2-core machine idle for most of the time: what is measured is the waiting, not a backlog.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from elitscope import Client, Result
from elitscope.simulator import movie
from tests.support.server import RunningServer

MEMBERS = 2
RATE = 10.0
PATIENCE_S = 600.0


def run(console: Console, quick: bool) -> dict[str, Any]:
    small = next(iter(movie("graphene", (256, 256), 1, seed=1, drift="none", sampling=0.1)))
    tile = next(iter(movie("graphene", (512, 512), 1, seed=2, drift="none", sampling=0.1)))
    huge = np.tile(tile.pixels, (8, 8))
    seconds = 10 if quick else 60
    with tempfile.TemporaryDirectory() as folder:
        write_ensemble(Path(folder) / "bundles", MEMBERS)
        with RunningServer("--bundles", Path(folder) / "bundles", data_dir=Path(folder) / "data") as server:
            with Client(server.server, stream="tile", outputs=("atoms",)) as client:
                tile_ms = float(np.median([client.infer(tile.pixels, sampling=0.1).timing.inference_ms for _ in range(6)][1:]))
            alone = _small_stream(server.server, small.pixels, seconds)
            stop = threading.Event()
            done: list[Result] = []
            beside = threading.Thread(target=_huge_stream, args=(server.server, huge, stop, done))
            beside.start()
            time.sleep(2)
            shared = _small_stream(server.server, small.pixels, seconds)
            stop.set()
            beside.join()
    summary = {"alone": _figures(alone, tile_ms), "beside_4096": _figures(shared, tile_ms)}
    _print(console, summary, tile_ms, len(done))
    return {"members": MEMBERS, "rate": RATE, "tile_512_ms": tile_ms, "frames_4096_analysed": len(done), **summary}


def _small_stream(address: str, pixels: np.ndarray, seconds: float) -> list[float]:
    """Latencies, ms, of frames sent at `RATE` whether or not the one before is answered."""
    latencies: list[float] = []
    sent: dict[int, float] = {}

    def source() -> Iterator[np.ndarray]:
        begin = time.perf_counter()
        for i in range(int(seconds * RATE)):
            time.sleep(max(0.0, begin + i / RATE - time.perf_counter()))
            sent[i] = time.perf_counter()
            yield pixels

    with Client(address, stream="small", outputs=("atoms",), timeout=PATIENCE_S) as client:
        for i, reply in enumerate(client.stream(source(), sampling=0.1, raise_rejections=True)):
            latencies.append((time.perf_counter() - sent[i]) * 1e3)
            del reply
    return latencies


def _huge_stream(address: str, pixels: np.ndarray, stop: threading.Event, done: list[Result]) -> None:
    def source() -> Iterator[np.ndarray]:
        while not stop.is_set():
            yield pixels

    with Client(address, stream="huge", outputs=("atoms",), timeout=PATIENCE_S) as client:
        for reply in client.stream(source(), sampling=0.1, raise_rejections=True):
            done.append(reply)  # type: ignore[arg-type]
            if stop.is_set():
                return


def _figures(latencies: list[float], tile_ms: float) -> dict[str, float]:
    p50, p99, worst = (float(np.percentile(latencies, q)) for q in (50, 99, 100))
    return {"frames": len(latencies), "p50_ms": p50, "p99_ms": p99, "max_ms": worst, "p50_tiles": p50 / tile_ms, "p99_tiles": p99 / tile_ms}


def _print(console: Console, summary: dict[str, dict[str, float]], tile_ms: float, huge: int) -> None:
    table = Table(
        title=f"256² at {RATE:g} frames/s, {MEMBERS} members; a 512² tile takes {tile_ms:.0f} ms; {huge} frames of 4096² beside it"
    )
    for column in ("", "frames", "p50 ms", "p99 ms", "max ms", "p50 in tiles", "p99 in tiles"):
        table.add_column(column, justify="right")
    for name, f in summary.items():
        row = (
            f"{f['frames']:.0f}",
            f"{f['p50_ms']:.1f}",
            f"{f['p99_ms']:.1f}",
            f"{f['max_ms']:.1f}",
            f"{f['p50_tiles']:.2f}",
            f"{f['p99_tiles']:.2f}",
        )
        table.add_row(name.replace("_", " "), *row)
    console.print(table)
