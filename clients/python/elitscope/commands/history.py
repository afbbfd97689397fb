"""`elitscope history`: who changed what, when and why, and from which frame on."""

from __future__ import annotations

import argparse
import json
import time
from typing import Optional

from elitscope.commands import options
from elitscope.commands.status import MakeController, controller
from elitscope.commands.tables import fitted
from elitscope.files.errors import need
from elitscope.files.plot import member_ranges
from elitscope.rest.records import AuditEntry

_EXAMPLES = """\
  elitscope history
  elitscope history --stream haadf --limit 20 --json
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "history", "Show who changed what, when and why.", _EXAMPLES)
    options.add_http(parser)
    options.add_stream_filter(parser)
    parser.add_argument("--limit", type=options.whole, default=50, metavar="N", help="the newest so many (default %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Do it; `controller` makes the REST client."""
    with controller(args) as control:
        entries = control.history(args.stream, args.limit)
    if args.json:
        print(json.dumps([dict(entry.document) for entry in entries], ensure_ascii=False, indent=2))
    else:
        _print(entries)
    return 0


def _print(entries: tuple[AuditEntry, ...]) -> None:
    console = need("rich.console", "showing tables").Console()
    if not entries:
        console.print("nothing was changed yet")
        return
    table = need("rich.table", "showing tables").Table(box=None, padding=(0, 1, 0, 0))
    text = need("rich.text", "showing tables").Text
    for heading in ("when", "who", "stream", "what", "from", "to", "revision", "first frame", "why"):
        table.add_column(heading, justify="right" if heading in {"when", "revision", "first frame"} else "left")
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
        numbers = ("" if number is None else str(number) for number in (entry.revision, entry.first_frame_id))
        what = entry.action if entry.applied else f"{entry.action}: {entry.outcome} {entry.code}".strip()
        cells = (when, entry.author, entry.stream or entry.subject, what, _networks(entry.before), _networks(entry.after) or entry.value)
        table.add_row(*(text(cell) for cell in (*cells, *numbers, entry.reason)), style="" if entry.applied else "dim")
    console.print(fitted(table))


def _networks(state: Optional[tuple[str, tuple[int, ...]]]) -> str:
    return "" if state is None else f"{state[0]} {member_ranges(state[1])}"
