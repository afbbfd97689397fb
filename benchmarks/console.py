"""What open consoles cost the frames, and how many of the frames they show: at a steady rate without and with them, in turns.

The engine has a core of its own; the rest of the server, the client and the browsers share the other, though browsers run on operators'
computers. Consoles show the live view and every network's map, which is the dearest there is. The engine's processor time for a frame
says the same as the latencies, on a machine that has other things to do too. A frame counts as shown when the page has drawn its picture.
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
from playwright.sync_api import Browser, Page
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from benchmarks.pinning import Pinning, only_on, two_cores
from elitscope import Client, Result
from elitscope.simulator import movie
from tests.console.browsing import browser_path, opened, started_browser
from tests.support.server import RunningServer

SIDE = 512
STREAM = "haadf"
_COUNT = """
() => {
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  const now = () => document.querySelector(".live-view").dataset.frame;
  const before = now();
  window.shown = new Set();
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    if (now() !== before) window.shown.add(now());
    return draw.apply(this, given);
  };
}
"""


@dataclass(frozen=True)
class Load:
    """`members`: networks in use; `rate`: frames a second; `consoles`: pages that are open."""

    members: int
    rate: float
    consoles: int


LOADS = {"heavy": Load(members=2, rate=5.0, consoles=2), "fast": Load(members=1, rate=10.0, consoles=1)}


def run(console: Console, quick: bool) -> dict[str, Any]:
    if browser_path() is None:
        console.print("no browser is installed (apt-get install chromium): not measured")
        return {}
    results = {}
    for name, load in LOADS.items():
        results[name] = measure(load, *((2, 10) if quick else (4, 30)))
        _print(console, results[name])
    return results


def measure(load: Load, turns: int, seconds: float) -> dict[str, Any]:
    """Latencies, processor time and frames shown under a load; `turns`: how often it is measured without and with consoles."""
    frames = [frame.pixels for frame in movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1)]
    measured = {"without": Measured(), "with": Measured()}
    shown = 0
    with tempfile.TemporaryDirectory() as folder:
        write_ensemble(Path(folder) / "bundles", load.members)
        cores = two_cores()
        with only_on(cores[0]):  # OpenVINO keeps to the cores that it found when it was loaded
            server = RunningServer("--bundles", Path(folder) / "bundles", data_dir=Path(folder) / "data")
        with (
            server,
            Pinning(server.process.pid, server.child("engine").pid, cores),
            started_browser() as browser,
        ):
            engine = server.child("engine")
            _send(server.server, frames, load.rate, 5, engine)
            for _ in range(turns):
                measured["without"].add(_send(server.server, frames, load.rate, seconds, engine))
                with _consoles(browser, server.http, load.consoles) as count:
                    measured["with"].add(_send(server.server, frames, load.rate, seconds, engine))
                    shown += count()
    results: dict[str, Any] = {"members": load.members, "side": SIDE, "rate": load.rate, "consoles": load.consoles}
    results |= {name: figures.summary() for name, figures in measured.items()}
    results["p99_ratio"] = results["with"]["p99_ms"] / results["without"]["p99_ms"]
    results["cpu_ratio"] = results["with"]["engine_cpu_ms"] / results["without"]["engine_cpu_ms"]
    results["frames_shown_per_s"] = shown / (turns * seconds * load.consoles)
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


def _send(address: str, frames: list[np.ndarray], rate: float, seconds: float, engine: psutil.Process) -> Measured:
    """Frames at a rate, sent whether or not the one before is answered."""

    def source() -> Iterator[np.ndarray]:
        begin = time.perf_counter()
        for i in range(int(seconds * rate)):
            time.sleep(max(0.0, begin + i / rate - time.perf_counter()))
            yield frames[i % len(frames)]

    before = engine.cpu_times()
    with Client(address, stream=STREAM, outputs=("atoms",), timeout=60) as client:
        replies = [reply for reply in client.stream(source(), sampling=0.1, raise_rejections=True) if isinstance(reply, Result)]
    after = engine.cpu_times()
    return Measured([reply.timing.total_ms for reply in replies], after.user + after.system - before.user - before.system)


@contextlib.contextmanager
def _consoles(browser: Browser, address: str, count: int) -> Iterator[Any]:
    """Open consoles, and how many frames all of them have shown."""
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(browser, address, stream=STREAM)).page for _ in range(count)]
        time.sleep(2)
        for page in pages:
            page.evaluate(_COUNT)
        yield lambda: sum(map(_shown, pages))


def _shown(page: Page) -> int:
    """Frames drawn since the page was told to count them."""
    return int(page.evaluate("() => window.shown.size"))


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
