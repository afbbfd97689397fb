"""How latency grows with a frame's size, with the number of networks and with the rate of frames, and throughput with clients; with a plot.

The networks are those that ship and seeded perturbations of them. Everything is client to client through ZeroMQ: mean, spread and atoms.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.ensembles import write_ensemble
from benchmarks.latency import round_trip_ms
from elitscope import Client
from elitscope.aio import AsyncClient
from elitscope.simulator import movie
from tests.support.server import RunningServer

SAMPLING = 0.1
SIDES = (256, 512, 1024, 2048, 4096)
MEMBERS = (1, 2, 4, 8, 12, 16, 20)
CLIENTS = (1, 2, 4)
LOADS = (0.25, 0.5, 0.75, 0.9)
"""Frames per second, as a share of what one client alone gets."""
SMALL, USUAL = 256, 8


def run(console: Console, quick: bool) -> dict[str, Any]:
    repeats = 5 if quick else 30
    with tempfile.TemporaryDirectory() as folder:
        rows: dict[str, list[dict[str, float]]] = {"members": []}
        for members in MEMBERS:
            bundle = write_ensemble(Path(folder), members, f"of-{members}")
            with RunningServer("--bundles", bundle, data_dir=Path(folder) / "data") as server:
                rows["members"].append({"members": members, **_latencies(server, SMALL, repeats)})
                if members == USUAL:
                    sides = SIDES[:3] if quick else SIDES
                    rows["side"] = [{"side": side, **_latencies(server, side, max(3, repeats * SMALL // side))} for side in sides]
                    rows["clients"] = [{"clients": count, **_throughput(server, count, repeats)} for count in CLIENTS]
                    alone = rows["clients"][0]["frames_per_s"]
                    rows["load"] = [{"load": load, **_paced(server, load * alone, 3 * repeats)} for load in LOADS]
    for name, found in rows.items():
        _print(console, name, found)
    return {"side": SMALL, "members": USUAL, "rows": rows}


def plot(results: dict[str, Any], path: Path) -> None:
    """Four panels, as PNG."""
    from matplotlib.figure import Figure

    rows = results["rows"]
    figure = Figure(figsize=(10, 7), layout="constrained")
    ((by_side, by_members), (by_clients, by_load)) = figure.subplots(2, 2)
    for axes, name, label in (
        (by_side, "side", "frame side, px"),
        (by_members, "members", "networks"),
        (by_load, "load", "rate / capacity"),
    ):
        x = [row[name] for row in rows[name]]
        axes.plot(x, [row["p50_ms"] for row in rows[name]], "o-", color="#0072b2", label="median")
        axes.plot(x, [row["p99_ms"] for row in rows[name]], "s--", color="#d55e00", label="99 %")
        axes.set(xlabel=label, ylabel="client to client, ms")
        axes.set_ylim(bottom=0) if name != "side" else axes.set(xscale="log", yscale="log", xticks=x, xticklabels=[str(side) for side in x])
        axes.minorticks_off()
        axes.legend()
    by_clients.bar([str(row["clients"]) for row in rows["clients"]], [row["frames_per_s"] for row in rows["clients"]], color="#0072b2")
    by_clients.set(xlabel="clients at once", ylabel="frames per second, all together")
    by_side.set_title(f"{results['members']} networks")
    for axes in (by_members, by_clients, by_load):
        axes.set_title(f"{results['side']}² px" + ("" if axes is by_members else f", {results['members']} networks"))
    figure.savefig(path, dpi=90)


def _frames(side: int) -> list[np.ndarray]:
    return [frame.pixels for frame in movie("graphene", (side, side), 2, seed=1, drift="none", sampling=SAMPLING)]


def _latencies(server: RunningServer, side: int, repeats: int) -> dict[str, float]:
    frames = _frames(side)
    with Client(server.server, stream=f"side-{side}") as client:
        for i in range(3 if side > 512 else 10):
            client.infer(frames[i % 2], sampling=SAMPLING)
        return _percentiles([round_trip_ms(client, frames[i % 2], SAMPLING) for i in range(repeats)])


def _throughput(server: RunningServer, clients: int, repeats: int) -> dict[str, float]:
    """Each client keeps as many frames under way as the server gives it credit for."""
    frame = _frames(SMALL)[0]

    def stream(number: int) -> None:
        with Client(server.server, stream=f"client-{number}") as client:
            for _ in client.stream((frame for _ in range(repeats)), sampling=SAMPLING):
                pass

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"frames_per_s": clients * repeats / (time.perf_counter() - started)}


def _paced(server: RunningServer, rate: float, count: int) -> dict[str, float]:
    """Frames at a rate, whether the one before was answered or not: latency holds the wait for those before."""
    return {"frames_per_s": rate, **_percentiles(asyncio.run(_send_paced(server.server, rate, count)))}


async def _send_paced(address: str, rate: float, count: int) -> list[float]:
    frame = _frames(SMALL)[0]
    async with AsyncClient(address, stream="paced") as client:

        async def send(due: float) -> float:
            await asyncio.sleep(due - time.perf_counter())
            sent = time.perf_counter()
            await client.infer(frame, sampling=SAMPLING)
            return 1e3 * (time.perf_counter() - sent)

        await send(0.0)
        begin = time.perf_counter()
        return list(await asyncio.gather(*(send(begin + i / rate) for i in range(count))))


def _percentiles(latencies: list[float]) -> dict[str, float]:
    return {"p50_ms": float(np.median(latencies)), "p99_ms": float(np.percentile(latencies, 99))}


def _print(console: Console, name: str, rows: list[dict[str, float]]) -> None:
    table = Table(title=f"by {name}")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:.4g}" for value in row.values()))
    console.print(table)
