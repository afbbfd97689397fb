"""What the drift monitor costs the engine: the same frames through a server without one and through one whose every frame is looked at.

Blocks of frames go to both in turns. The engine's processor time a frame is what counts; its times of a frame are shown beside, and hold
on a quiet machine alone.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from elitscope import Client
from elitscope.simulator import movie
from elitscope_models.bundle import load_bundle
from elitscope_models.zoo import find_bundle
from tests.support.server import RunningServer, wait_until

SIDE = 512
EVERY_FRAME_HZ = 60.0
WARM = 12


@dataclass
class Subject:
    """A server and a client of it. `engine_s`, `monitor_s`: processor time by block; `total_ms`: engine's, by frame."""

    server: RunningServer
    client: Client
    engine: psutil.Process
    monitor: psutil.Process | None
    engine_s: list[float] = field(default_factory=list)
    monitor_s: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)


def run(console: Console, quick: bool) -> dict[str, Any]:
    blocks, frames_a_block = (3, 8) if quick else (10, 16)
    frames = [frame.pixels for frame in movie("graphene", (SIDE, SIDE), 4, seed=1, drift="none", sampling=0.1)]
    bundle = find_bundle("graphene")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        without, watched = (_start(stack, bundle, Path(folder) / str(hertz), hertz) for hertz in (0.0, EVERY_FRAME_HZ))
        for subject in (without, watched):
            _block(subject, frames, WARM, keep=False)
        for index in range(blocks):
            for subject in (without, watched) if index % 2 else (watched, without):
                _block(subject, frames, frames_a_block, keep=True)
        assert watched.monitor is not None
        resident = watched.monitor.memory_info().rss / 2**20
    results = {
        "side": SIDE,
        "members": len(load_bundle(bundle).manifest.members),
        "frames": blocks * frames_a_block,
        "engine_cpu_ms": _per_frame(without.engine_s, frames_a_block),
        "engine_cpu_ms_watched": _per_frame(watched.engine_s, frames_a_block),
        "engine_cpu_ratio": float(np.median(np.array(watched.engine_s) / np.array(without.engine_s))),
        "total_p50_ms": float(np.median(without.total_ms)),
        "total_p50_ms_watched": float(np.median(watched.total_ms)),
        "monitor_cpu_ms": _per_frame(watched.monitor_s, frames_a_block),
        "monitor_resident_mib": resident,
    }
    _print(console, results)
    return results


def _start(stack: ExitStack, bundle: Path, data: Path, hertz: float) -> Subject:
    server = stack.enter_context(RunningServer("--bundles", bundle, data_dir=data, env={"ELITSCOPE_MONITOR_HZ": str(hertz)}))
    client = stack.enter_context(Client(server.server, stream="haadf", timeout=120.0))
    monitor = wait_until(lambda: server.wait_for_child("monitor", other_than=0)) if hertz else None
    return Subject(server, client, server.child("engine"), monitor)


def _block(subject: Subject, frames: list[np.ndarray], count: int, keep: bool) -> None:
    engine_s, monitor_s = _cpu_s(subject.engine), _cpu_s(subject.monitor)
    times = [subject.client.infer(frames[i % len(frames)], sampling=0.1).timing.total_ms for i in range(count)]
    time.sleep(0.5)  # what is published comes after the reply
    if keep:
        subject.engine_s.append(_cpu_s(subject.engine) - engine_s)
        subject.monitor_s.append(_cpu_s(subject.monitor) - monitor_s)
        subject.total_ms += times


def _cpu_s(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _per_frame(seconds: list[float], frames: int) -> float:
    return 1e3 * float(np.median(seconds)) / frames


def _print(console: Console, results: dict[str, Any]) -> None:
    table = Table(title=f"{SIDE}² px, {results['members']} members, {results['frames']} frames a server, every one looked at")
    for heading in ("", "without a monitor", "with one"):
        table.add_column(heading, justify="left" if not heading else "right")
    cpu, total = ("engine_cpu_ms", "engine_cpu_ms_watched"), ("total_p50_ms", "total_p50_ms_watched")
    table.add_row("engine's processor time a frame, ms", *(f"{results[name]:.1f}" for name in cpu))
    table.add_row("receipt to reply, median, ms", *(f"{results[name]:.1f}" for name in total))
    table.add_row("monitor's processor time a frame, ms", "", f"{results['monitor_cpu_ms']:.1f}")
    table.add_row("monitor's memory, MiB", "", f"{results['monitor_resident_mib']:.0f}")
    console.print(table)
    console.print(f"engine's processor time: {results['engine_cpu_ratio']:.3f} times (median over blocks)")
