"""What frames feel of the control plane: p99 latency while everything changes, while REST is hammered, and while the store is stopped,
against an undisturbed stream.

The engine has one core, everything else the other, in all conditions. Conditions take turns, a block of frames each, so that whatever
else the machine does meets all of them. One client sends one frame after the other: latency is a frame's own, no queue's.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.elsewhere import Elsewhere
from benchmarks.ensembles import write_ensemble
from benchmarks.pinning import Pinning, only_on, two_cores
from benchmarks.ratios import p99, p99_ratio
from elitscope import Client, Controller
from elitscope.simulator import movie
from tests.support.changes import Bundles, RandomChanges
from tests.support.server import RunningServer

SIDE, MEMBERS = 256, 2
STREAM = "switch"
ENSEMBLES = ("bench", "other")
CHANGES_HZ, REQUESTS_HZ = 5.0, 200.0
SEED = 7
UNLIMITED = {"ELITSCOPE_LIMITS__REQUESTS_PER_S": "10000"}
"""So that requests are worked on, not turned away."""
PATHS = (
    "/v1/streams",
    "/v1/ensembles",
    f"/v1/streams/{STREAM}/selection",
    f"/v1/streams/{STREAM}",
    "/v1/audit",
    "/metrics",
    f"/v1/streams/{STREAM}/members",
)


def run(console: Console, quick: bool) -> dict[str, Any]:
    blocks, frames = (4, 60) if quick else (20, 110)
    pixels = next(iter(movie("graphene", (SIDE, SIDE), 1, seed=1, drift="none", sampling=0.1))).pixels
    cores = two_cores()
    with tempfile.TemporaryDirectory() as folder:
        bundles = Bundles(Path(folder))
        for name in ENSEMBLES:
            write_ensemble(bundles.served, MEMBERS, name)
        with only_on(cores[0]):  # OpenVINO keeps to the cores that it found when it was loaded
            server = RunningServer("--bundles", bundles.served, "--ensemble", ENSEMBLES[0], data_dir=Path(folder) / "data", env=UNLIMITED)
        with (
            server,
            Pinning(server.process.pid, server.child("engine").pid, cores),
            Client(server.server, stream=STREAM, outputs=("atoms",)) as client,
            Controller(server.http, author="bench") as control,
        ):
            for name in (*ENSEMBLES, *bundles.usable):
                control.load(name)
            control.use("aside", bundles.usable[0], reason="benchmark")
            stream = Stream(client, pixels)
            stream.send(30)
            with (
                Elsewhere(changer, server.http, bundles, rate=CHANGES_HZ) as changes,
                Elsewhere(hammer, server.http, rate=REQUESTS_HZ) as requests,
            ):
                conditions: dict[str, Callable[[], AbstractContextManager[object]]] = {
                    "undisturbed": nullcontext,
                    "changes": changes.at_work,
                    "requests": requests.at_work,
                    "store stopped": lambda: stopped(server.child("store")),
                }
                latencies: dict[str, list[float]] = {name: [] for name in conditions}
                for _ in range(blocks):
                    for name, disturbance in conditions.items():
                        with disturbance():
                            latencies[name] += stream.send(frames)
                        stream.send(5)
    results = {
        "side": SIDE,
        "members": MEMBERS,
        "frames_per_condition": blocks * frames,
        "changes": len(changes.records),
        "changes_by_outcome": dict(sorted(Counter(record[0] for record in changes.records).items())),
        "requests_per_second": len(requests.records) / requests.seconds,
        "frames_from_answer_to_first_frame": stream.late_by([record[1:] for record in changes.records if len(record) > 1]),
        "latency": _figures(latencies),
    }
    _print(console, results)
    return results


class Stream:
    """Frames one after the other, and which revision each was analysed with."""

    def __init__(self, client: Client, pixels: np.ndarray) -> None:
        self._client, self._pixels = client, pixels
        self._answered: list[tuple[float, float, int]] = []

    def send(self, count: int) -> list[float]:
        """Latencies in ms."""
        latencies = []
        for _ in range(count):
            sent = time.perf_counter()
            result = self._client.infer(self._pixels, sampling=0.1)
            done = time.perf_counter()
            latencies.append((done - sent) * 1e3)
            self._answered.append((sent, done, result.revision))
        return latencies

    def late_by(self, changed: list[tuple[float, int]]) -> dict[str, float]:
        """How many frames that were answered after a change's answer were still analysed as before: the frame under way, or none.

        `changed`: when each change was answered (the clock of `send`, which all processes share), and its revision.
        """
        late = [sum(done > at and seen < revision for _, done, seen in self._answered) for at, revision in changed]
        sent_late = [sum(sent > at and seen < revision for sent, _, seen in self._answered) for at, revision in changed]
        return {"changes": len(late), "mean": float(np.mean(late)), "max": max(late), "sent_after_answer_max": max(sent_late)}


def changer(address: str, bundles: Bundles) -> Callable[[], tuple[object, ...]]:
    """Makes random changes: of networks, and loads and uploads of good and broken bundles.

    The stream itself goes between ensembles of the same cost and back; everything else happens to another stream.
    """
    control = Controller(address, author="bench")
    others = RandomChanges(control, ("aside",), bundles, np.random.default_rng(SEED))
    planned, made = itertools.cycle(others.plan(100)), itertools.count(1)

    def change() -> tuple[object, ...]:
        number = next(made)
        if number % 2:
            revision = control.use(STREAM, ENSEMBLES[number // 2 % 2], reason="benchmark").revision
            return "use of the stream", time.perf_counter(), revision
        kind, before = next(planned), Counter(others.outcomes)
        others.do(kind)
        ((_, outcome),) = others.outcomes - before
        return (f"{kind} {outcome}",)

    return change


def hammer(address: str) -> Callable[[], bool]:
    """Asks REST for this and that."""
    http = httpx.Client(base_url=address, timeout=30)
    paths = itertools.cycle(PATHS)

    def ask() -> bool:
        answer = http.get(next(paths))
        assert answer.status_code == 200, answer.text
        return True

    return ask


@contextmanager
def stopped(store: psutil.Process) -> Iterator[None]:
    """The store and what it started hold still for the `with` block: whoever asks them waits."""
    processes = [store, *store.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _figures(latencies: dict[str, list[float]]) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    undisturbed = np.array(latencies["undisturbed"])
    figures: dict[str, Any] = {}
    for name, values in latencies.items():
        sample = np.array(values)
        figures[name] = {"p50_ms": float(np.median(sample)), "p99_ms": p99(sample), "max_ms": float(sample.max())}
        if name != "undisturbed":
            figures[name]["p99_ratio"] = asdict(p99_ratio(sample, undisturbed, rng))
    return figures


def _print(console: Console, results: dict[str, Any]) -> None:
    late = results["frames_from_answer_to_first_frame"]
    table = Table(
        title=f"{SIDE}², {MEMBERS} members, engine on one core; {results['frames_per_condition']} frames a condition, "
        f"{results['changes']} changes, {results['requests_per_second']:.0f} requests/s; "
        f"frames still as before after a change's answer: {late['mean']:.2f} on average, {late['max']:.0f} at most"
    )
    for column in ("", "p50 ms", "p99 ms", "max ms", "p99 ratio", "95 % interval"):
        table.add_column(column, justify="right")
    for name, f in results["latency"].items():
        ratio = f.get("p99_ratio")
        shown = ("", "") if ratio is None else (f"{ratio['value']:.3f}", f"{ratio['low']:.3f}–{ratio['high']:.3f}")
        table.add_row(name, f"{f['p50_ms']:.1f}", f"{f['p99_ms']:.1f}", f"{f['max_ms']:.1f}", *shown)
    console.print(table)
