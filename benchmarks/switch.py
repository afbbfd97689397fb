"""What frames feel of the control plane: p99 latency while everything changes, and while REST is hammered, against an undisturbed stream.

The engine has one core, everything else the other, in all conditions. Conditions take turns, a block of frames each, so that whatever
else the machine does meets all of them. One client sends one frame after the other: latency is a frame's own, no queue's.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

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


def run(console: Console, quick: bool) -> dict[str, Any]:
    blocks, frames = (4, 60) if quick else (20, 110)
    pixels = next(iter(movie("graphene", (SIDE, SIDE), 1, seed=1, drift="none", sampling=0.1))).pixels
    cores = two_cores()
    with tempfile.TemporaryDirectory() as folder, only_on(cores[0]):
        bundles = Bundles(Path(folder))
        for name in ENSEMBLES:
            write_ensemble(bundles.served, MEMBERS, name)
        with (
            RunningServer("--bundles", bundles.served, "--ensemble", ENSEMBLES[0], data_dir=Path(folder) / "data") as server,
            Pinning(server.process.pid, server.child("engine").pid, cores),
            Client(server.server, stream=STREAM, outputs=("atoms",)) as client,
            Controller(server.http, author="bench") as control,
        ):
            for name in (*ENSEMBLES, *bundles.usable):
                control.load(name)
            control.use("aside", bundles.usable[0], reason="benchmark")
            stream = Stream(client, pixels)
            stream.send(30)
            changer = Changer(control, bundles, stream)
            hammer = Hammer(server.http)
            conditions: dict[str, Callable[[], AbstractContextManager[object]]] = {
                "undisturbed": nullcontext,
                "changes": changer.at_work,
                "requests": hammer.at_work,
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
        "changes": changer.made,
        "changes_by_outcome": {f"{kind} {outcome}": n for (kind, outcome), n in sorted(changer.outcomes().items())},
        "requests_per_second": hammer.rate(),
        "frames_from_answer_to_first_frame": stream.late_by(),
        "latency": _figures(latencies),
    }
    _print(console, results)
    return results


class Stream:
    """Frames one after the other, and which revision each was analysed with."""

    def __init__(self, client: Client, pixels: np.ndarray) -> None:
        self._client, self._pixels = client, pixels
        self._answered: list[tuple[float, float, int]] = []
        self._changed: list[tuple[float, int]] = []

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

    def changed(self, revision: int) -> None:
        """A change has just been answered."""
        self._changed.append((time.perf_counter(), revision))

    def late_by(self) -> dict[str, float]:
        """How many frames that were answered after a change's answer were still analysed as before: the frame under way, or none."""
        late = [sum(done > at and seen < revision for _, done, seen in self._answered) for at, revision in self._changed]
        sent_late = [sum(sent > at and seen < revision for sent, _, seen in self._answered) for at, revision in self._changed]
        return {"changes": len(late), "mean": float(np.mean(late)), "max": max(late), "sent_after_answer_max": max(sent_late)}


class Changer:
    """Makes random changes, some a second: of networks, and loads and uploads of good and broken bundles."""

    def __init__(self, control: Controller, bundles: Bundles, stream: Stream) -> None:
        self._control, self._stream, self._bundles = control, stream, bundles
        self._rng = np.random.default_rng(SEED)
        self._others = RandomChanges(control, ("aside",), bundles, self._rng)
        self._planned = itertools.cycle(self._others.plan(100))
        self.made = 0

    def outcomes(self) -> dict[tuple[str, str], int]:
        """What was changed beside the stream itself."""
        return dict(self._others.outcomes)

    def at_work(self) -> AbstractContextManager[object]:
        """Changing things for the `with` block."""
        return _meanwhile(self._change, CHANGES_HZ)

    def _change(self) -> None:
        """The stream itself goes between ensembles of the same cost and back; everything else happens to another stream."""
        self.made += 1
        if self.made % 2:
            wanted = ENSEMBLES[self.made // 2 % 2]
            self._stream.changed(self._control.use(STREAM, wanted, reason="benchmark").revision)
        else:
            self._others.do(next(self._planned))


class Hammer:
    """Asks REST for this and that, 200 times a second."""

    PATHS = (
        "/v1/streams",
        "/v1/ensembles",
        f"/v1/streams/{STREAM}/selection",
        f"/v1/streams/{STREAM}",
        "/v1/audit",
        "/metrics",
        f"/v1/streams/{STREAM}/members",
    )

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=30)
        self._count, self._seconds = 0, 0.0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Hammering for the `with` block."""
        began, before = time.perf_counter(), self._count
        with _meanwhile(self._ask, REQUESTS_HZ):
            yield
        self._seconds += time.perf_counter() - began
        assert self._count > before

    def rate(self) -> float:
        """Requests answered a second, as it came to."""
        return self._count / self._seconds

    def _ask(self) -> None:
        answer = self._http.get(self.PATHS[self._count % len(self.PATHS)])
        assert answer.status_code < 500, answer.text
        self._count += 1


@contextmanager
def _meanwhile(act: Callable[[], None], rate: float) -> Iterator[None]:
    """`act` again and again in a thread, at `rate` a second or as fast as it goes."""
    stop, failed = threading.Event(), list[BaseException]()

    def work() -> None:
        due = time.perf_counter()
        try:
            while not stop.wait(max(0.0, due - time.perf_counter())):
                act()
                due = max(due + 1 / rate, time.perf_counter() - 0.5)
        except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(120)
    if failed:
        raise failed[0]


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
