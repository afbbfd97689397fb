"""`elitscope`: the acquisition computer's command line."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import Optional

from elitscope.commands import autopilot, drift, ensembles, history, hold, members, selection, simulate, status, stream, watch
from elitscope.errors import ElitscopeError, OutcomeUnknown, Refused
from elitscope.version import __version__

_EXAMPLES = """\
examples:
  elitscope stream scan.dm4 --sampling 0.12      analyse a file, show what is found
  elitscope simulate --drift all --rate 5        send simulated frames
  elitscope watch                                watch the server live
  elitscope status                               is it ready?
  elitscope members                              how do the networks do?
  elitscope drift                                has anything changed, and what to do about it?
  elitscope deselect 3 --reason fog              take one out, from the next frame on; undo, select, only, use
  elitscope COMMAND --help                       everything else

addresses can stand in the environment: ELITSCOPE_SERVER, ELITSCOPE_PUBLISH, ELITSCOPE_HTTP
"""
_REFUSED, _UNKNOWN, _INTERRUPTED = 3, 4, 130


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return its exit code; errors are one line on standard error."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="replace")  # a console that can't show Å still shows the rest
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if args.debug:
            raise
        print(f"elitscope: {_in_words(error)}", file=sys.stderr)
        return _exit_code(error)
    return code


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="elitscope",
        description="Stream STEM frames to an elitscope server; get atoms and their uncertainty back.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"elitscope {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (stream, simulate, watch, status, ensembles, members, selection, hold, drift, autopilot, history):
        command.add_parser(subparsers)
    return parser


def _exit_code(error: Exception) -> int:
    """Programs tell a refusal, which changed nothing, from a change that may be in force."""
    if isinstance(error, OutcomeUnknown):
        return _UNKNOWN
    return _REFUSED if isinstance(error, Refused) else 1


def _in_words(error: Exception) -> str:
    if isinstance(error, (ElitscopeError, OSError, ValueError)) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error} (this should not happen: --debug shows where)"


if __name__ == "__main__":
    sys.exit(main())
