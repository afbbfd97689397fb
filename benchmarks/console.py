"""What two open consoles cost the frames: latency at a steady rate without and with them, in turns.

The server has a core of its own, and the browsers the other one with the client, since browsers run on operators' computers: what is
measured is what the server does for them. Both consoles show the live view and every network's map, which is the dearest there is.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from benchmarks.pinning import only_on, two_cores
from elitscope import Client, Result
from elitscope.simulator import movie
from tests.console.browsing import opened, started_browser
from tests.support.server import RunningServer

MEMBERS, SIDE, RATE, CONSOLES = 2, 512, 5.0, 2
STREAM = "haadf"


def run(console: Console, quick: bool) -> dict[str, Any]:
    turns, seconds = (2, 10) if quick else (4, 30)
    frames = [frame.pixels for frame in movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1)]
    latencies: dict[str, list[float]] = {"without": [], "with": []}
    shown = 0
    with tempfile.TemporaryDirectory() as folder:
        write_ensemble(Path(folder) / "bundles", MEMBERS)
        server_core, other = two_cores()
        with only_on(server_core):
            server = RunningServer("--bundles", Path(folder) / "bundles", data_dir=Path(folder) / "data")
        with server, only_on(other), started_browser() as browser:
            _send(server.server, frames, 5)
            for _ in range(turns):
                latencies["without"] += _send(server.server, frames, seconds)
                with _consoles(browser, server.http) as count:
                    latencies["with"] += _send(server.server, frames, seconds)
                    shown += count()
    results: dict[str, Any] = {"members": MEMBERS, "side": SIDE, "rate": RATE, "consoles": CONSOLES}
    results |= {name: _figures(values) for name, values in latencies.items()}
    results["p99_ratio"] = results["with"]["p99_ms"] / results["without"]["p99_ms"]
    results["frames_shown_per_s"] = shown / (turns * seconds * CONSOLES)
    _print(console, results)
    return results


def _send(address: str, frames: list[np.ndarray], seconds: float) -> list[float]:
    """Latencies, ms, in the server, of frames sent at `RATE` whether or not the one before is answered."""

    def source() -> Iterator[np.ndarray]:
        begin = time.perf_counter()
        for i in range(int(seconds * RATE)):
            time.sleep(max(0.0, begin + i / RATE - time.perf_counter()))
            yield frames[i % len(frames)]

    with Client(address, stream=STREAM, outputs=("atoms",), timeout=60) as client:
        replies = [reply for reply in client.stream(source(), sampling=0.1, raise_rejections=True) if isinstance(reply, Result)]
    return [reply.timing.total_ms for reply in replies]


@contextlib.contextmanager
def _consoles(browser: Browser, address: str) -> Iterator[Any]:
    """Open consoles, and how many frames all of them have shown."""
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(browser, address, stream=STREAM)) for _ in range(CONSOLES)]
        time.sleep(2)
        yield lambda: sum(int(page.page.locator(".steps input").get_attribute("data-came") or 0) for page in pages)


def _figures(values: list[float]) -> dict[str, float]:
    return {"frames": len(values), "p50_ms": float(np.percentile(values, 50)), "p99_ms": float(np.percentile(values, 99))}


def _print(console: Console, results: dict[str, Any]) -> None:
    table = Table(
        title=f"{results['consoles']} consoles, {results['side']}² at {results['rate']:g} frames/s, {results['members']} networks, one core"
    )
    for column in ("", "p50", "p99"):
        table.add_column(column, justify="right" if column else "left")
    for name in ("without", "with"):
        table.add_row(f"{name} consoles", *(f"{results[name][key]:.0f} ms" for key in ("p50_ms", "p99_ms")))
    table.add_row("ratio", "", f"{results['p99_ratio']:.2f}")
    table.add_row("shown by each", f"{results['frames_shown_per_s']:.1f} /s", "")
    console.print(table)
