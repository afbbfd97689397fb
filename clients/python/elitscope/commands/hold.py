"""`elitscope hold | release`: a person takes a stream, so that no program changes its networks meanwhile, and gives it back."""

from __future__ import annotations

import argparse
import time

from elitscope.commands import options
from elitscope.commands.selection import EXIT_CODES, show
from elitscope.commands.status import MakeController, controller

_HOLD = """\
  elitscope hold --stream haadf --minutes 30 --reason "aligning"
  elitscope hold
"""
_RELEASE = """\
  elitscope release --stream haadf
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register both commands."""
    hold = options.add_command(subparsers, "hold", "Take a stream: programs can't change its networks meanwhile.", _HOLD + EXIT_CODES)
    hold.add_argument("--minutes", type=options.positive, metavar="N", help="for so long (default: until released)")
    options.add_reason(hold)
    release = options.add_command(subparsers, "release", "Give a stream back to the programs that control it.", _RELEASE + EXIT_CODES)
    for parser, run in ((hold, run_hold), (release, run_release)):
        options.add_http(parser)
        options.add_stream(parser)
        parser.set_defaults(run=run)


def run_hold(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Take it; `controller` makes the REST client."""
    with controller(args) as control:
        now = control.hold(args.stream, args.minutes, reason=args.reason)
    show(now, args.json)
    if not args.json and now.hold is not None and now.hold.until is not None:
        print(f"until {time.strftime('%H:%M', time.localtime(now.hold.until))}, or `elitscope release`")
    return 0


def run_release(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Give it back; `controller` makes the REST client."""
    with controller(args) as control:
        now = control.release(args.stream)
    show(now, args.json)
    return 0
