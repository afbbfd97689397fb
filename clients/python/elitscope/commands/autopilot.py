"""`elitscope autopilot`: what the server's drift monitor may do on a stream."""

from __future__ import annotations

import argparse
import json

from elitscope.commands import options
from elitscope.commands.selection import EXIT_CODES
from elitscope.commands.status import MakeController, controller

MODES = ("off", "advise", "act")
_EXAMPLES = """\
  elitscope autopilot advise --stream haadf
  elitscope autopilot off
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "autopilot", "Say what the drift monitor may do on a stream.", _EXAMPLES + EXIT_CODES)
    parser.add_argument("mode", choices=MODES, help="off; advise: only recommend; act: deselect and switch by itself")
    options.add_http(parser)
    options.add_stream(parser)
    options.add_reason(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Set it; `controller` makes the REST client."""
    with controller(args) as control:
        answer = control.autopilot(args.stream, args.mode, reason=args.reason)
    print(json.dumps(dict(answer), ensure_ascii=False, indent=2) if args.json else f"{args.stream}: autopilot {args.mode}")
    return 0
