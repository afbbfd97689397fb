"""`elitscope use | deselect | select | only | undo`: which networks analyse a stream, from its next frame on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from elitscope.commands import options
from elitscope.commands.status import MakeController, controller
from elitscope.control import Controller
from elitscope.files.plot import member_ranges
from elitscope.rest.calls import ALL
from elitscope.rest.records import SelectionInfo

EXIT_CODES = """
exit codes: 0 it is in force; 3 the server refused, and says why; 4 nobody can say whether it is in force; 1 any other error
"""
_EXAMPLES = {
    "use": """\
  elitscope use graphene-v2 --stream haadf --reason "defocused"
  elitscope use graphene-v2 --members 0 2 5
""",
    "deselect": """\
  elitscope deselect 3 7 --stream haadf --reason fog
  elitscope deselect 3 --json
""",
    "select": """\
  elitscope select 3 --stream haadf
  elitscope select all
""",
    "only": """\
  elitscope only 1 4 --stream haadf --reason "the two that were trained at this dose"
""",
    "undo": """\
  elitscope undo --stream haadf
""",
}

Change = Callable[[Controller, argparse.Namespace], SelectionInfo]


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the five commands."""
    use = _add(subparsers, "use", "Switch a stream to another ensemble that is ready.", _use)
    use.add_argument("ensemble", metavar="ENSEMBLE", help="its name: `elitscope ensembles` lists them")
    use.add_argument("--members", nargs="+", type=options.networks, metavar="ID", help="these of its networks only (default: all)")
    deselect = _add(subparsers, "deselect", "Take networks out of use.", _deselect)
    deselect.add_argument("members", nargs="+", type=options.networks, metavar="ID", help="of networks: `elitscope members` lists them")
    select = _add(subparsers, "select", "Take networks into use again.", _select)
    select.add_argument("members", nargs="+", type=_networks_or_all, metavar="ID", help="of networks, or: all")
    only = _add(subparsers, "only", "Use these networks and no others.", _only)
    only.add_argument("members", nargs="+", type=options.networks, metavar="ID", help="of networks: `elitscope members` lists them")
    _add(subparsers, "undo", "Go back to the selection before; repeated, further back.", _undo)


def selection_line(now: SelectionInfo) -> str:
    """A selection in one line."""
    rest = f" (not {member_ranges(now.inactive)})" if now.inactive else ""
    held = "" if now.hold is None else f", held by {now.hold.holder}"
    return f"{now.stream}: {now.ensemble}, networks {member_ranges(now.active)}{rest}, revision {now.revision}{held}"


def show(now: SelectionInfo, as_json: bool) -> None:
    """Print a selection."""
    print(json.dumps(dict(now.document), ensure_ascii=False, indent=2) if as_json else selection_line(now))


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Make the change that the command stands for; `controller` makes the REST client."""
    change: Change = args.change
    with controller(args) as control:
        now = change(control, args)
    show(now, args.json)
    return 0


def _add(subparsers: options.Subparsers[argparse.ArgumentParser], name: str, help: str, change: Change) -> argparse.ArgumentParser:
    parser = options.add_command(subparsers, name, help, _EXAMPLES[name] + EXIT_CODES)
    options.add_http(parser)
    options.add_stream(parser)
    options.add_reason(parser)
    parser.set_defaults(run=run, change=change)
    return parser


def _use(control: Controller, args: argparse.Namespace) -> SelectionInfo:
    return control.use(args.stream, args.ensemble, args.members and options.flat(args.members), reason=args.reason)


def _deselect(control: Controller, args: argparse.Namespace) -> SelectionInfo:
    return control.deselect(args.stream, options.flat(args.members), reason=args.reason)


def _select(control: Controller, args: argparse.Namespace) -> SelectionInfo:
    return control.select(args.stream, ALL if ALL in args.members else options.flat(args.members), reason=args.reason)


def _only(control: Controller, args: argparse.Namespace) -> SelectionInfo:
    return control.only(args.stream, options.flat(args.members), reason=args.reason)


def _undo(control: Controller, args: argparse.Namespace) -> SelectionInfo:
    return control.undo(args.stream, reason=args.reason)


def _networks_or_all(text: str) -> object:
    return text if text == ALL else options.networks(text)
