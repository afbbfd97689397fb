"""What two open consoles cost the frames: latency at a steady rate without and with them, in turns.

The engine has a core of its own; the rest of the server, the client and the browsers share the other, though browsers run on operators'
computers. Both consoles show the live view and every network's map, which is the dearest there is. The engine's processor time for a frame
says the same as the latencies, on a machine that has other things to do too.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from benchmarks.pinning import Pinning, only_on, two_cores
from elitscope import Client, Result
from elitscope.simulator import movie
from tests.console.browsing import browser_path, opened, started_browser
from tests.support.server import RunningServer

MEMBERS, SIDE, RATE, CONSOLES = 2, 512, 5.0, 2
STREAM = "haadf"


def run(console: Console, quick: bool) -> dict[str, Any]:
    if browser_path() is None:
        console.print("no browser is installed (apt-get install chromium): not measured")
        return {"consoles": 0}
    turns, seconds = (2, 10) if quick else (4, 30)
    frames = [frame.pixels for frame in movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1)]
    measured = {"without": Measured(), "with": Measured()}
    shown = 0
    with tempfile.TemporaryDirectory() as folder:
        write_ensemble(Path(folder) / "bundles", MEMBERS)
        cores = two_cores()
        with only_on(cores[0]):  # OpenVINO keeps to the cores that it found when it was loaded
            server = RunningServer("--bundles", Path(folder) / "bundles", data_dir=Path(folder) / "data")
        with (
            server,
            Pinning(server.process.pid, server.child("engine").pid, cores),
            started_browser() as browser,
        ):
            engine = server.child("engine")
            _send(server.server, frames, 5, engine)
            for _ in range(turns):
                measured["without"].add(_send(server.server, frames, seconds, engine))
                with _consoles(browser, server.http) as count:
                    measured["with"].add(_send(server.server, frames, seconds, engine))
                    shown += count()
    results: dict[str, Any] = {"members": MEMBERS, "side": SIDE, "rate": RATE, "consoles": CONSOLES}
    results |= {name: figures.summary() for name, figures in measured.items()}
    results["p99_ratio"] = results["with"]["p99_ms"] / results["without"]["p99_ms"]
    results["cpu_ratio"] = results["with"]["engine_cpu_ms"] / results["without"]["engine_cpu_ms"]
    results["frames_shown_per_s"] = shown / (turns * seconds * CONSOLES)
    _print(console, results)
    return results


@dataclass
class Measured:
    """Latencies in the server, ms, and seconds of the engine's processor time that went by meanwhile."""

    latencies_ms: list[float] = field(default_factory=list)
    engine_cpu_s: float = 0.0

    def add(self, more: Measured) -> None:
        """Another turn."""
        self.latencies_ms += more.latencies_ms
        self.engine_cpu_s += more.engine_cpu_s

    def summary(self) -> dict[str, float]:
        """`engine_cpu_ms`: of a frame."""
        p50, p99 = np.percentile(self.latencies_ms, (50, 99))
        count = len(self.latencies_ms)
        return {"frames": count, "p50_ms": float(p50), "p99_ms": float(p99), "engine_cpu_ms": 1e3 * self.engine_cpu_s / count}


def _send(address: str, frames: list[np.ndarray], seconds: float, engine: psutil.Process) -> Measured:
    """Frames at `RATE`, sent whether or not the one before is answered."""

    def source() -> Iterator[np.ndarray]:
        begin = time.perf_counter()
        for i in range(int(seconds * RATE)):
            time.sleep(max(0.0, begin + i / RATE - time.perf_counter()))
            yield frames[i % len(frames)]

    before = engine.cpu_times()
    with Client(address, stream=STREAM, outputs=("atoms",), timeout=60) as client:
        replies = [reply for reply in client.stream(source(), sampling=0.1, raise_rejections=True) if isinstance(reply, Result)]
    after = engine.cpu_times()
    return Measured([reply.timing.total_ms for reply in replies], after.user + after.system - before.user - before.system)


@contextlib.contextmanager
def _consoles(browser: Browser, address: str) -> Iterator[Any]:
    """Open consoles, and how many frames all of them have shown."""
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(browser, address, stream=STREAM)) for _ in range(CONSOLES)]
        time.sleep(2)
        yield lambda: sum(int(page.page.locator(".steps input").get_attribute("data-came") or 0) for page in pages)


def _print(console: Console, results: dict[str, Any]) -> None:
    table = Table(
        title=f"{results['consoles']} consoles, {results['side']}² at {results['rate']:g} frames/s, {results['members']} networks, one core"
    )
    for column in ("", "p50", "p99", "engine, a frame"):
        table.add_column(column, justify="right" if column else "left")
    for name in ("without", "with"):
        table.add_row(f"{name} consoles", *(f"{results[name][key]:.0f} ms" for key in ("p50_ms", "p99_ms", "engine_cpu_ms")))
    table.add_row("ratio", "", f"{results['p99_ratio']:.2f}", f"{results['cpu_ratio']:.2f}")
    table.add_row("shown by each", f"{results['frames_shown_per_s']:.1f} /s", "", "")
    console.print(table)
