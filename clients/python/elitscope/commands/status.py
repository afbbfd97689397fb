"""`elitscope status`: is the server ready, and what goes through it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from elitscope.commands import options
from elitscope.commands.tables import fitted
from elitscope.control import Controller
from elitscope.files.errors import need
from elitscope.files.plot import member_ranges
from elitscope.rest.records import ServerStatus, StreamFigures

MakeController = Callable[[argparse.Namespace], Controller]

_EXAMPLES = """\
  elitscope status
  elitscope status --http http://gpu-box:8000 --stream haadf --json

exit codes: 0 the server is ready; 3 it answers, and is not ready; 1 it does not answer
"""
_NOT_READY = 3


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "status", "Show whether the server is ready, and its streams.", _EXAMPLES)
    options.add_http(parser)
    options.add_stream_filter(parser)
    parser.set_defaults(run=run)


def controller(args: argparse.Namespace) -> Controller:
    """The controller that the options describe."""
    return Controller(args.http, token=options.token(args), timeout=args.timeout, verify=args.ca or True)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Do it; `controller` makes the REST client."""
    with controller(args) as control:
        status = control.status()
    if args.stream is not None:
        status = replace(status, streams=tuple(stream for stream in status.streams if stream.name == args.stream))
    if args.json:
        print(json.dumps(status.to_json(), ensure_ascii=False, indent=2))
    else:
        _print(status)
    return 0 if status.ready else _NOT_READY


def _print(status: ServerStatus) -> None:
    console = need("rich.console", "showing tables").Console()
    style = "bold green" if status.ready else "bold red"
    console.print(f"{status.address}: {'ready' if status.ready else 'not ready'}", style=style, highlight=False)
    if not status.ready:
        console.print(f"  {status.why}", highlight=False, markup=False)
        return
    states = ", ".join(f"{ensemble.name} {ensemble.state}" for ensemble in status.ensembles)
    console.print(f"ensembles: {states}", style="dim", highlight=False, markup=False)
    console.print(_stream_table(status.streams) if status.streams else "no streams yet")


def _stream_table(streams: tuple[StreamFigures, ...]) -> Any:
    table = need("rich.table", "showing tables").Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("stream", "ensemble", "members"):
        table.add_column(heading, no_wrap=True)
    for heading in ("revision", "results", "rejected", "fps", "queue", "p50/p99 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for stream in streams:
        latency = "/".join(f"{value:.0f}" for value in (stream.p50_ms, stream.p99_ms) if value is not None)
        rate = "" if stream.rate_hz is None else f"{stream.rate_hz:.1f}"
        counts = (stream.revision, stream.results, stream.rejections, rate, stream.queue_depth, latency)
        table.add_row(stream.name, stream.ensemble or "", member_ranges(stream.members), *("" if c is None else str(c) for c in counts))
    return fitted(table)
