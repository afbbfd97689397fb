"""`elitscope watch`: what the server is doing right now, a row a stream."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from elitscope.commands import drift_words, options
from elitscope.commands.facts import atom_facts, result_facts
from elitscope.commands.tables import fitted
from elitscope.files.errors import need
from elitscope.files.plot import member_ranges
from elitscope.messages import Event, ResultMessage, ServerMessage, Status
from elitscope.types import Result
from elitscope.watch import DEFAULT_PUBLISH

Publication = tuple[str, ServerMessage]
Subscribe = Callable[[str], Iterable[Publication]]

_EVENTS_SHOWN = 6
_REDRAW_S = 0.1
_EXAMPLES = """\
  elitscope watch
  elitscope watch --publish tcp://gpu-box:5556
  elitscope watch --once --json
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "watch", "Watch the server's streams live: atoms, uncertainty, latency, warnings.", _EXAMPLES)
    publish = os.environ.get("ELITSCOPE_PUBLISH", DEFAULT_PUBLISH)
    parser.add_argument("--publish", default=publish, metavar="ADDR", help="where it publishes (ELITSCOPE_PUBLISH; default %(default)s)")
    options.add_key(parser)
    parser.add_argument("--once", action="store_true", help="show the next status and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, subscribe: Optional[Subscribe] = None) -> int:
    """Do it; `subscribe(address)` yields publications."""
    publications = iter(subscribe(args.publish) if subscribe else _subscribe(args.publish, args.key))
    with suppress(KeyboardInterrupt):  # the usual way to stop watching
        if args.json:
            _print_json(publications, args.once)
        elif args.once:
            _print_once(publications)
        else:
            _show_live(publications, args.publish)
    return 0


@dataclass
class Board:
    """What has been heard: the last status, the last result and drift figures of each stream, the last events."""

    status: Mapping[str, Any] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    drift: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    events: deque[str] = field(default_factory=lambda: deque(maxlen=_EVENTS_SHOWN))

    def hear(self, message: ServerMessage) -> None:
        """Note one publication."""
        if isinstance(message, Status):
            self.status = message.body
        elif isinstance(message, ResultMessage):
            self.results[message.result.stream] = message.result
        elif isinstance(message, Event) and message.body.get("what") == "figures":
            self.drift[str(message.body.get("stream"))] = message.body
        elif isinstance(message, Event):
            self.events.append(event_text(message.body))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """One row a stream, in the order of `HEADINGS`."""
        streams = {stream["name"]: stream for stream in self.status.get("streams", ())}
        for name in sorted({*streams, *self.results}):
            drift = drift_words.score_text(self.drift[name], self._now()) if name in self.drift else ""
            yield (*_row(name, streams.get(name, {}), self.results.get(name)), drift)

    def warnings(self) -> Iterator[str]:
        """What the last result of each stream warns of, one line a stream."""
        for name, result in sorted(self.results.items()):
            if result.warnings:
                yield f"{name}: {'; '.join(result.warnings)}"

    def doubts(self) -> Iterator[str]:
        """The hotspots of the last result of each stream, one line a stream."""
        for name, result in sorted(self.results.items()):
            if result.hotspots is not None and len(result.hotspots):
                yield f"{name}: {drift_words.spots_text(result.hotspots.as_dicts())}"

    def drifting(self) -> Iterator[str]:
        """Alarms and advice of every stream, as far as they are the present."""
        for _, figures in sorted(self.drift.items()):
            if "(old)" not in drift_words.score_text(figures, self._now()):
                yield from drift_words.figure_lines(figures)

    def _now(self) -> float:
        """The server's clock, in Unix seconds."""
        return float(self.status.get("at") or 0.0)


HEADINGS = ("stream", "ensemble", "members", "frames", "rejected", "fps", "queue", "p50/p99 ms", "atoms", "support", "σ px", "drift")


def event_text(body: Mapping[str, Any]) -> str:
    """One event in one line: its time, then everything it says.

    >>> event_text({"event": "stream_started", "stream": "haadf"})
    'stream_started stream=haadf'
    """
    at, what = body.get("at"), body.get("event") or body.get("kind") or "event"
    clock = datetime.fromtimestamp(at).strftime("%H:%M:%S ") if isinstance(at, (int, float)) else ""
    if what == "drift":
        return f"{clock}{body.get('stream')}: {drift_words.event_words(body)}"
    rest = " ".join(f"{key}={value}" for key, value in body.items() if key not in {"at", "event", "kind"} and value is not None)
    return f"{clock}{what} {rest}".strip()


def _row(name: str, stream: Mapping[str, Any], result: Optional[Result]) -> tuple[str, ...]:
    selection, total, outcomes = stream.get("selection") or {}, stream.get("total") or {}, stream.get("outcomes") or {}
    facts = atom_facts(result) if result is not None else {}
    return (
        name,
        str(selection.get("ensemble") or (result.ensemble if result else "")),
        member_ranges(tuple(selection.get("members") or (result.members if result else ()))),
        str(outcomes.get("result", 0)),
        str(sum(count for code, count in outcomes.items() if code != "result")),
        _number(stream.get("rate_hz"), 1),
        str(stream.get("queue_depth", "")),
        "/".join(_number(total.get(name), 0) for name in ("p50_ms", "p99_ms")).strip("/"),
        str(facts.get("atoms", "")),
        _number(facts.get("mean_support"), 2),
        _number(facts.get("median_sigma_px"), 2),
    )


def _number(value: Optional[float], digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _subscribe(address: str, key: Optional[str]) -> Iterator[Publication]:
    from elitscope.watch import subscribe

    return subscribe(address, key=key)


def _print_json(publications: Iterator[Publication], once: bool) -> None:
    for topic, message in publications:
        if isinstance(message, ResultMessage):
            body: Mapping[str, Any] = {"stream": message.result.stream, "frame_id": message.result.frame_id, **result_facts(message.result)}
        elif isinstance(message, (Status, Event)):
            body = message.body
        else:
            continue
        sys.stdout.write(json.dumps({"topic": topic, **body}, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        if once and isinstance(message, Status):
            return


def _print_once(publications: Iterator[Publication]) -> None:
    board, console = Board(), need("rich.console", "watching").Console()
    for _, message in publications:
        board.hear(message)
        if isinstance(message, Status):
            break
    console.print(_picture(board))


def _show_live(publications: Iterator[Publication], address: str) -> None:
    board, live_module = Board(), need("rich.live", "watching")
    with live_module.Live(f"listening to {address}", auto_refresh=False) as live:
        if not live.console.is_terminal:
            print("elitscope: no terminal to draw in, so the end alone is shown: --json tells everything as it comes", file=sys.stderr)
        drawn_at = float("-inf")
        for _, message in publications:
            board.hear(message)
            # results come faster than anybody reads, a status at least once a second
            if isinstance(message, Status) or time.monotonic() - drawn_at > _REDRAW_S:
                live.update(_picture(board), refresh=True)
                drawn_at = time.monotonic()


def _picture(board: Board) -> Any:
    table = need("rich.table", "watching").Table(box=None, padding=(0, 1, 0, 0), title=_title(board.status), title_justify="left")
    for heading in HEADINGS:
        is_text = heading in {"stream", "ensemble", "members"}
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    text = need("rich.text", "watching").Text
    for row in board.rows():
        table.add_row(*map(text, row))
    if not table.row_count:
        table.add_row("no streams yet")
    warnings = (text(line, style="yellow") for line in board.warnings())
    drifting = (text(line, style="red") for line in board.drifting())
    doubts = (text(line, style="magenta") for line in board.doubts())
    events = (text(line, style="dim") for line in board.events)
    return need("rich.console", "watching").Group(fitted(table), *warnings, *doubts, *drifting, *events)


def _title(status: Mapping[str, Any]) -> str:
    ready = ", ".join(f"{e['name']} {e['state']}" for e in status.get("ensembles", ()))
    draining = ", draining" if status.get("draining") else ""
    return f"{status.get('server', 'server')}{draining}   ensembles: {ready or 'none'}"
