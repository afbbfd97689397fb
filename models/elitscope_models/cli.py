"""`elitscope-models`: ensembles on the command line, from training to offline analysis."""

from __future__ import annotations

import argparse
import importlib
import io
import pkgutil
import sys
from collections.abc import Sequence

import elitscope_models.commands
from elitscope.errors import ElitscopeError

_EXAMPLES = """\
examples:
  elitscope-models predict scan.dm4 --save out.h5      the server's numbers, without a server
  elitscope-models inspect graphene                    what an ensemble is and what it was trained on
  elitscope-models verify ./my-bundle                  will it run, and do two runtimes agree on it?
  elitscope-models COMMAND --help                      everything else
"""
_ORDER = ("predict", "inspect", "verify", "simulate", "train", "evaluate", "calibrate")
_INTERRUPTED = 130
_TRAINING = ("torch", "onnxscript", "ase", "matscipy", "sklearn")
"""What the extra `train` brings."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on standard error, with `--debug` a trace too."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="replace")  # a console that can't show Å still shows the rest
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (ElitscopeError, OSError, ImportError) as error:
        if args.debug:
            raise
        print(f"elitscope-models: {_in_words(error)}", file=sys.stderr)
        return 1
    return code


def _in_words(error: Exception) -> str:
    """What went wrong; where a library is missing that only some commands need, how to get it."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing not in _TRAINING:
        return str(error)
    return (
        f"this needs {missing}, which is not installed: pip install 'elitscope-service[train]' (in a checkout: pip install -e '.[train]')"
    )


def build_parser() -> argparse.ArgumentParser:
    """The whole command line: one command for every module in `commands`."""
    parser = argparse.ArgumentParser(
        prog="elitscope-models",
        description="Ensembles of segmentation networks: make, judge, look into and apply them, without a server.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _command_names():
        importlib.import_module(f"elitscope_models.commands.{name}").add_parser(subparsers)
    return parser


def _command_names() -> list[str]:
    names = {module.name for module in pkgutil.iter_modules(elitscope_models.commands.__path__) if not module.name.startswith("_")}
    return [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))


if __name__ == "__main__":
    sys.exit(main())
