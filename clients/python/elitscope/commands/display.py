"""What a run shows while it goes on, and at its end: a progress bar and tables for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional, Protocol, TextIO

from elitscope.commands.agreement import Agreement, agreement
from elitscope.commands.drift_words import hotspots_text
from elitscope.commands.facts import result_facts, uncertainty
from elitscope.commands.frames import Answer
from elitscope.commands.summary import Summary
from elitscope.files.errors import need
from elitscope.types import Rejection, Result


class Display(Protocol):
    """What commands tell whoever watches."""

    def note(self, text: str) -> None:
        """Something that is good to know."""

    def expect(self, frames: int) -> None:
        """The number of frames that will come, as far as is known."""

    def answered(self, answer: Answer) -> None:
        """One frame's answer."""

    def finished(self, summary: Summary) -> None:
        """The end."""


class JsonLines:
    """One JSON object a line: {"event": "note" | "result" | "rejection" | "summary", ...}."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def note(self, text: str) -> None:
        self._write("note", {"text": text})

    def expect(self, frames: int) -> None:
        """A program counts for itself."""

    def answered(self, answer: Answer) -> None:
        reply = answer.reply
        names = {"frame": answer.job.name, "frame_id": reply.frame_id}
        if isinstance(reply, Result):
            self._write("result", {**names, **result_facts(reply)})
        else:
            self._write("rejection", {**names, "code": reply.code, "message": reply.message})

    def finished(self, summary: Summary) -> None:
        self._write("summary", summary.to_json())

    def _write(self, event: str, facts: dict[str, Any]) -> None:
        self._out.write(json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n")
        self._out.flush()


class Terminal:
    """A progress bar on standard error while frames go through, tables on standard output at the end."""

    def __init__(self, console: Any, progress: Any, out: Any) -> None:
        self._console, self._progress, self._out = console, progress, out
        self._task = progress.add_task("frames", total=None, atoms="", latency="", rate="")
        self._agreement: Optional[Agreement] = None
        self._rejections_told: set[str] = set()

    def note(self, text: str) -> None:
        self._console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    def expect(self, frames: int) -> None:
        self._progress.update(self._task, total=frames)

    def answered(self, answer: Answer) -> None:
        task = self._progress.tasks[self._task]
        rate = f"{task.speed:.1f} fps" if task.speed else ""
        if isinstance(answer.reply, Rejection):
            self._tell_rejection(answer)
            self._progress.update(self._task, advance=1, rate=rate)
            return
        spread = uncertainty(answer.reply)
        atoms = self._atoms(answer, answer.reply) + ("" if spread is None else f", spread {spread:.3f}")
        if answer.reply.hotspots is not None and len(answer.reply.hotspots):
            atoms += f", {hotspots_text(len(answer.reply.hotspots))}"
        self._progress.update(self._task, advance=1, atoms=atoms, latency=f"{answer.reply.timing.total_ms:.0f} ms", rate=rate)

    def finished(self, summary: Summary) -> None:
        self._progress.stop()
        if not summary.frames_sent:
            return
        for table in summary_tables(summary, self._agreement):
            self._out.print(table)

    def _atoms(self, answer: Answer, result: Result) -> str:
        if result.atoms is None:
            return ""
        known, sampling = answer.job.truth, answer.job.info.sampling
        if known is None or sampling is None:
            return f"{len(result.atoms)} atoms"
        here = agreement(result.atoms.positions(), known, answer.job.pixels.shape, sampling, answer.job.hidden)
        self._agreement = here if self._agreement is None else self._agreement + here
        return f"{len(result.atoms)} atoms (F1 {here.f1:.3f})"

    def _tell_rejection(self, answer: Answer) -> None:
        """Each code's first words; the table at the end has the numbers."""
        assert isinstance(answer.reply, Rejection)
        if answer.reply.code not in self._rejections_told:
            self._rejections_told.add(answer.reply.code)
            text = f"{answer.job.name}: rejected, {answer.reply.code}: {answer.reply.message}"
            self._console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def display_for(as_json: bool) -> Iterator[Display]:
    """JSON lines on standard output, or a progress bar on standard error and tables on standard output.

    Raises:
        MissingLibrary: rich is not installed (JSON needs none).
    """
    if as_json:
        yield JsonLines(sys.stdout)
        return
    console = need("rich.console", "showing progress").Console(stderr=True)
    parts = need("rich.progress", "showing progress")
    columns = (
        parts.TextColumn("[bold]{task.description}"),
        parts.BarColumn(bar_width=None),
        parts.MofNCompleteColumn(),
        parts.TextColumn("{task.fields[atoms]}", style="cyan"),
        parts.TextColumn("{task.fields[latency]}", style="green"),
        parts.TextColumn("{task.fields[rate]}", style="magenta"),
        parts.TimeElapsedColumn(),
    )
    with parts.Progress(*columns, console=console, transient=True) as progress:
        yield Terminal(console, progress, need("rich.console", "showing results").Console())


def summary_tables(summary: Summary, found: Optional[Agreement] = None) -> Iterator[Any]:
    """Counts, then latencies by stage, as rich tables."""
    table = need("rich.table", "showing results").Table
    counts = table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in _count_rows(summary, found):
        counts.add_row(name, value)
    yield counts
    if summary.latency_ms:
        latencies = table(title="latency, ms", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for heading in ("stage", "p50", "p90", "p99", "max"):
            latencies.add_column(heading, justify="left" if heading == "stage" else "right")
        for stage, values in summary.latency_ms.items():
            latencies.add_row(stage, *(f"{value:.1f}" for value in (values.p50, values.p90, values.p99, values.max)))
        yield latencies


def _count_rows(summary: Summary, found: Optional[Agreement]) -> Iterator[tuple[str, str]]:
    yield "frames sent", str(summary.frames_sent)
    yield "results", str(summary.results)
    codes = ", ".join(f"{code} {count}" for code, count in sorted(summary.rejections_by_code.items()))
    yield "rejections", f"{summary.rejections} ({codes})" if codes else "0"
    if summary.unanswered:
        yield "unanswered", f"{summary.unanswered} (the run was interrupted)"
    yield "rate", f"{summary.frames_per_second:.1f} frames/s over {summary.seconds:.1f} s"
    if summary.atoms_per_frame is not None:
        yield "atoms per frame", f"{summary.atoms_per_frame:.1f}"
    if found is not None:
        yield "against the truth", f"F1 {found.f1:.3f} ({found.hits} right, {found.false} false, {found.missed} missed)"
    for ensemble in summary.ensembles:
        yield "ensemble", ensemble
    for warning, count in sorted(summary.warnings.items()):
        yield "warning", f"{warning} ({count} frames)"
