"""`elitscope members`: each network of a stream's ensemble, so that an operator can judge it."""

from __future__ import annotations

import argparse
import json

from elitscope.commands import options
from elitscope.commands.status import MakeController, controller
from elitscope.commands.tables import fitted
from elitscope.files.errors import need
from elitscope.rest.records import MemberInfo

_EXAMPLES = """\
  elitscope members --stream haadf
  elitscope members --json
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "members", "Show each network of a stream: active or not, and its figures.", _EXAMPLES)
    options.add_http(parser)
    options.add_stream(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Do it; `controller` makes the REST client."""
    with controller(args) as control:
        members = control.members(args.stream)
    if args.json:
        print(json.dumps([dict(member.document) for member in members], ensure_ascii=False, indent=2))
    else:
        _print(members)
    return 0


def _print(members: tuple[MemberInfo, ...]) -> None:
    table = need("rich.table", "showing tables").Table(box=None, padding=(0, 1, 0, 0))
    text = need("rich.text", "showing tables").Text
    figures = sorted({name for member in members for name in member.figures})
    for heading in ("network", "active", *figures, "of frame", "test IoU"):
        table.add_column(heading.replace("_", " "), justify="left" if heading == "active" else "right")
    for member in members:
        active = text("yes", style="green") if member.active else text("no", style="dim")
        values = [*(member.figures.get(name) for name in figures), member.frame_id, member.metrics.get("iou")]
        table.add_row(str(member.id), active, *(_figure(value) for value in values))
    need("rich.console", "showing tables").Console().print(fitted(table))


def _figure(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
