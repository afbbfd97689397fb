"""The whole thing once: start a server, stream a simulated movie whose conditions drift, look at what came back, stop.

`make demo` runs it. Frames go through real sockets, as an acquisition computer would send them; the networks are those that ship. Half-way
the least trusted one is deselected over REST, as an operator would, and the very next frame is analysed without it. It leaves
`demo-report/`: overlay pictures, `results.h5` and `summary.json`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from elitscope import Client, Controller, FrameInfo, Rejection, Result
from elitscope.commands.agreement import agreement
from elitscope.commands.frames import Answer, Job, paced, plotted_to, run_frames, saved_to
from elitscope.commands.summary import Summary
from elitscope.files.plot import member_ranges
from elitscope.files.save import ResultWriter
from elitscope.rest.records import AuditEntry
from elitscope.simulator import movie

STREAM = "demo"
PICTURES = 6
HIDDEN_BELOW = 5.0
"""Å of amorphous carbon through which no atom is expected to be seen."""
SIDE, FRAMES, SEED = 320, 48, 2021
RATE = 3.0
"""Frames a second, as a microscope would send them."""
STOP_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Server:
    """Addresses of a running server."""

    frames: str
    publications: str
    http: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=Path("demo-report"), help="where pictures and results go (default %(default)s)")
    parser.add_argument("--frames", type=int, default=FRAMES, help="length of the movie (default %(default)s)")
    report, count = parser.parse_args().report, parser.parse_args().frames
    console = Console(highlight=False, soft_wrap=True)
    report.mkdir(parents=True, exist_ok=True)
    for old in report.glob("*.png"):
        old.unlink()
    with running_server(console) as server:
        console.print(f"server ready: frames {server.frames}, publications {server.publications}, console and REST {server.http}/#{STREAM}")
        answers, summary, changes = stream(console, server, report / "results.h5", count)
    draw(answers, report)
    told = {**summary.to_json(), "changes": [dict(change.document) for change in changes]}
    (report / "summary.json").write_text(json.dumps(told, indent=1) + "\n")
    tell(console, summary, changes, report)
    return 0 if summary.results == summary.frames_sent == count and agree(answers, changes) else 1


@contextmanager
def running_server(console: Console) -> Iterator[Server]:
    """A server of its own on free loopback ports, stopped at the end."""
    command = [str(Path(sys.executable).with_name("elitscope-server"))]
    for option in ("--bind", "--publish"):
        command += [option, "tcp://127.0.0.1:0"]
    with tempfile.TemporaryDirectory(prefix="elitscope-demo-") as folder:
        log = Path(folder) / "server.log"
        command += ["--http", "127.0.0.1:0", "--data-dir", folder]
        console.print("starting the server ...")
        with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                assert process.stdout is not None
                words = process.stdout.readline().split()
                if len(words) != 4:
                    raise SystemExit(f"the server did not start:\n{log.read_text()}")
                yield Server(*words[1:])
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def stream(console: Console, server: Server, results: Path, count: int) -> tuple[list[Answer], Summary, tuple[AuditEntry, ...]]:
    """Send the movie and show each answer as it comes; the changes that were made meanwhile come from the server's audit log."""
    answers: list[Answer] = []
    show = table_row(console)
    attributes = {"server": server.frames, "stream": STREAM}
    columns = f"{'frame':>5}  {'what drifts':<14}{'atoms':>6}{'known':>7}{'F1':>7}{'uncertainty':>13}{'latency':>11}"
    with Controller(server.http) as control:
        operate = deselect_after(count // 2, control, console)
        with Client(server.frames, stream=STREAM) as client, ResultWriter(results, attributes, overwrite=True) as writer:
            client.connect()
            console.print(f"\n{columns}  {'networks':<10}warnings", style="bold")
            summary = run_frames(client, paced(jobs(count), RATE), [saved_to(writer), show, answers.append, operate])
        return answers, summary, control.history(STREAM)


def deselect_after(frames: int, control: Controller, console: Console):
    """A sink that, after so many frames, takes the least trusted network out of use over REST."""
    seen = itertools.count(1)

    def operate(_: Answer) -> None:
        if next(seen) != frames:
            return
        least = control.selection(STREAM).preference[-1]
        now = control.deselect(STREAM, least, reason="the least trusted network, half-way through the demo")
        console.print(f"       network {least} deselected over REST: revision {now.revision} from the next frame on", style="bold cyan")

    return operate


def agree(answers: list[Answer], changes: tuple[AuditEntry, ...]) -> bool:
    """Whether every frame since a change was analysed with the networks that the audit log names, and every one before with others."""
    return bool(changes) and all(
        (answer.reply.revision >= change.revision) == (answer.reply.members == change.after[1])
        for change in changes
        for answer in answers
        if isinstance(answer.reply, Result)
    )


def jobs(count: int) -> Iterator[Job]:
    """The sample movie: graphene with dopants, vacancies, a hole and contamination, while dose, focus, scan and magnification drift."""
    for index, frame in enumerate(movie("graphene", (SIDE, SIDE), count, seed=SEED, drift="all")):
        info = FrameInfo(sampling=(frame.sampling, frame.sampling), channel="simulated", metadata={"segment": frame.segment})
        yield Job(frame.pixels, info, f"{index:03d}-{frame.segment}", frame.positions, frame.contamination > HIDDEN_BELOW)


def table_row(console: Console):
    """A sink that prints one line an answer."""

    def show(answer: Answer) -> None:
        reply, job = answer.reply, answer.job
        index, _, segment = job.name.partition("-")
        segment = "nothing yet" if segment == "none" else segment
        if isinstance(reply, Rejection):
            console.print(f"{int(index):5d}  {segment:<14}rejected, {reply.code}: {reply.message}", style="yellow")
            return
        assert job.truth is not None
        assert job.info.sampling is not None
        assert reply.atoms is not None
        f1 = agreement(reply.atoms.positions(), job.truth, job.pixels.shape, job.info.sampling, job.hidden).f1
        figures = f"{len(reply.atoms):6d}{len(job.truth):7d}{f1:7.3f}{uncertainty(reply):13.4f}{reply.timing.total_ms:8.0f} ms"
        warnings = ", ".join(warning.partition(":")[0] for warning in reply.warnings)
        console.print(f"{int(index):5d}  {segment:<14}{figures}  {member_ranges(reply.members):<10}{warnings}")

    return show


def uncertainty(result: Result) -> float:
    """Mean spread of the members where the mean says "atom"; NaN where there is none."""
    if result.mean is None or result.std is None or not (result.mean > 0.5).any():
        return float("nan")
    return float(np.mean(result.std[result.mean > 0.5]))


def draw(answers: list[Answer], report: Path) -> None:
    """Overlays of a few frames, spread over the movie."""
    sink = plotted_to(report)
    for index in track(np.linspace(0, len(answers) - 1, min(PICTURES, len(answers))).astype(int), "drawing overlays"):
        sink(answers[index])


def tell(console: Console, summary: Summary, changes: tuple[AuditEntry, ...], report: Path) -> None:
    total = summary.latency_ms.get("total")
    console.print(f"\n{summary.frames_sent} frames sent = {summary.results} results + {summary.rejections} rejections")
    if total is not None:
        console.print(f"latency in the server: median {total.p50:.0f} ms, 99 % below {total.p99:.0f} ms, on {os.cpu_count()} cores")
    for change in changes:
        networks = f"networks {member_ranges(change.before[1])} became {member_ranges(change.after[1])}"
        console.print(f"{networks} with frame {change.first_frame_id}, by {change.author}: {change.reason}")
    console.print(f"report: {report}/  ({len(list(report.glob('*.png')))} overlays, results.h5, summary.json)")


if __name__ == "__main__":
    sys.exit(main())
