"""`elitscope ensembles`: what the server has to choose from; with an action, bringing ensembles there and taking them away."""

from __future__ import annotations

import argparse
import json
from typing import Optional

from elitscope.commands import options
from elitscope.commands.selection import EXIT_CODES
from elitscope.commands.status import MakeController, controller
from elitscope.commands.tables import fitted
from elitscope.files.errors import need
from elitscope.files.plot import member_ranges
from elitscope.rest.records import Ensemble

_EXAMPLES = """\
  elitscope ensembles
  elitscope ensembles --http http://gpu-box:8000 --json
  elitscope ensembles --stream haadf
  elitscope ensembles upload bundles/graphene-v2
  elitscope ensembles load graphene-v2
  elitscope ensembles unload graphene-v2
  elitscope ensembles delete graphene-v2
"""
ACTIONS = ("load", "unload", "upload", "delete")
_STYLES = {"ready": "green", "failed": "red", "loading": "yellow"}


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(
        subparsers, "ensembles", "List the server's ensembles and their state, or manage them.", _EXAMPLES + EXIT_CODES
    )
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="upload: bring a bundle there; load: have it checked and made ready")
    parser.add_argument("what", nargs="?", metavar="NAME", help="of the ensemble; for upload: the bundle's folder, or a zip of it")
    options.add_http(parser)
    options.add_stream_filter(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Do it; `controller` makes the REST client."""
    return _list(args, controller) if args.action is None else _act(args, controller)


def _act(args: argparse.Namespace, controller: MakeController) -> int:
    if args.what is None:
        raise ValueError(f"elitscope ensembles {args.action}: say which one, elitscope ensembles {args.action} NAME")
    with controller(args) as control:
        ensemble: Optional[Ensemble] = getattr(control, args.action)(args.what)
    if args.json:
        print(json.dumps({"deleted": args.what} if ensemble is None else dict(ensemble.document), ensure_ascii=False, indent=2))
    else:
        print(f"{args.what}: deleted" if ensemble is None else f"{ensemble.name}: {ensemble.state}")
    return 0


def _list(args: argparse.Namespace, controller: MakeController) -> int:
    with controller(args) as control:
        ensembles = control.ensembles()
        if args.stream is not None:
            in_force = {stream.ensemble for stream in control.streams() if stream.name == args.stream}
            ensembles = tuple(ensemble for ensemble in ensembles if ensemble.name in in_force)
    if args.json:
        print(json.dumps([dict(ensemble.document) for ensemble in ensembles], ensure_ascii=False, indent=2))
    else:
        _print(ensembles)
    return 0


def _print(ensembles: tuple[Ensemble, ...]) -> None:
    console = need("rich.console", "showing tables").Console()
    if not ensembles:
        console.print("none: the server finds ensembles in the folders given with --bundles, and a stream exists once a frame named it")
        return
    table = need("rich.table", "showing tables").Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("ensemble", "version", "state", "classes", "members", "Å/px", "trained on", "why"):
        table.add_column(heading)
    text = need("rich.text", "showing tables").Text
    for ensemble in ensembles:
        state = text(ensemble.state, style=_STYLES.get(ensemble.state, ""))
        members = member_ranges(ensemble.members)
        sampling = "" if ensemble.sampling is None else f"{ensemble.sampling:g}"
        row = (ensemble.version or "", state, ", ".join(ensemble.classes), members, sampling, ensemble.trained_on or "", ensemble.why or "")
        table.add_row(ensemble.name, *row)
    console.print(fitted(table))
