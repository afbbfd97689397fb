"""`elitscope-models evaluate`: how well an ensemble and its members find atoms that are known.

Frames with known atoms come from a file (--truth), from the recipe that the bundle was trained by, held back from training (--recipe), or
from a simulated movie whose conditions drift (--lattice, --drift). Intersection over union is taken at threshold 0.5 and averaged over
classes and background (ELIT paper, Table 1); atoms match within 0.5 Å; those within 10 px of the edge do not count.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elitscope.simulator import DRIFTS, LATTICES

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterable

    from elitscope_models.bundle import Bundle
    from elitscope_models.evaluate import Evaluation
    from elitscope_models.truth import KnownFrame

_EXAMPLES = """\
examples:
  elitscope-models evaluate graphene                                  a simulated movie in which everything drifts
  elitscope-models evaluate ./mine --recipe --frames 60               Table 1: frames as it was trained on, but unseen
  elitscope-models evaluate graphene --truth movie.npz --plot report  bars, segments and the worst frame as pictures
  elitscope-models evaluate graphene --truth movie.npz --card         tables in Markdown, for the model card
  elitscope-models evaluate graphene --drift defocus --json | jq '.frames[] | {name, f1, support}'
"""
_LEAST_WIDTH = 120


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a bundle on frames with known atoms",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or the name of one that ships")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--truth", type=Path, metavar="FILE", help="frames and atoms (see `simulate`), instead of simulating some")
    source.add_argument("--recipe", action="store_true", help="draw frames by the bundle's own recipe; needs the `train` extra")
    source.add_argument("--drift", choices=DRIFTS, default="all", help="what gets worse over the simulated movie (default: %(default)s)")
    parser.add_argument("--lattice", choices=LATTICES, default="graphene", help="what to simulate (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=24, metavar="N", help="frames to simulate (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated frames (default: %(default)s)")
    parser.add_argument("--plan", default="auto", metavar="NAME", help="auto, fp32, bf16 or a full plan (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU; part of a plan (default: every core)")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="all figures, of every frame too, as JSON on standard output")
    shown.add_argument("--card", action="store_true", help="the tables as Markdown on standard output")
    parser.add_argument(
        "--plot", type=Path, metavar="PATH", help="draw members, segments and the worst frame: one FILE.png, or each in a DIR"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the figures; 0 when done, 2 when the bundle, the truth or the plan can't be used."""
    from rich.console import Console
    from rich.progress import track

    from elitscope.errors import ElitscopeError
    from elitscope_models.bundle import load_bundle
    from elitscope_models.evaluate import evaluate
    from elitscope_models.loading import open_plan
    from elitscope_models.zoo import find_bundle

    try:
        bundle = load_bundle(find_bundle(args.bundle))
        frames, total = _frames(args, bundle)
        ensemble = open_plan(bundle, args.plan, threads=args.threads)
        bar = Console(stderr=True)
        result = evaluate(track(frames, "frames", total, console=bar, disable=not bar.is_terminal), ensemble)
    except (ElitscopeError, ValueError) as error:
        print(f"elitscope-models evaluate: {error}", file=sys.stderr)
        return 2
    if args.plot:
        from elitscope_models.commands._charts import draw_evaluation

        for path in draw_evaluation(result, args.plot):
            print(path, file=sys.stderr)
    _show(result, args)
    return 0


def _frames(args: argparse.Namespace, bundle: Bundle) -> tuple[Iterable[KnownFrame], float | None]:
    """The frames to judge on, and how many they are where that is known beforehand."""
    from elitscope.simulator import movie
    from elitscope_models.truth import from_simulated, read_truth

    if args.truth:
        return read_truth(args.truth), None
    if args.frames < 1:
        raise ValueError(f"{args.frames} frames are too few: give at least one")
    if args.recipe:
        from elitscope_models.training.held_back import held_back

        return held_back(bundle.manifest.training.recipe, args.frames, args.seed), args.frames
    return map(from_simulated, movie(args.lattice, frames=args.frames, seed=args.seed, drift=args.drift)), args.frames


def _show(result: Evaluation, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(_as_dict(result), indent=2, ensure_ascii=False))
    elif args.card:
        from elitscope_models.sheets import sheets

        print(f"`{result.bundle}`, plan `{result.plan}`", *(sheet.markdown for sheet in sheets(result)), sep="\n\n")
    else:
        _print_tables(result)


def _as_dict(result: Evaluation) -> dict[str, Any]:
    from elitscope_models.figures import confusion_table

    mean, std = result.member_iou
    table = confusion_table(result.ensemble.confusion, result.true_classes, result.classes)
    return {
        "bundle": result.bundle,
        "plan": result.plan,
        "ensemble": result.ensemble.as_dict(),
        "segments": [figures.as_dict() for figures in result.segments],
        "members": [figures.as_dict() for figures in result.members],
        "member_iou": {"mean": mean, "std": std, "farthest": result.member_spread},
        "confusion": {"found": [*result.classes, "missed"], "true": dict(table)},
        "frames": [figures.as_dict() for figures in result.frames],
        "worst_frame": result.worst.index,
    }


def _print_tables(result: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    from elitscope_models.sheets import sheets

    console = Console(highlight=False)
    console = Console(highlight=False, width=max(console.width, _LEAST_WIDTH))  # narrower, names and figures would be cut
    for sheet in sheets(result):
        table = Table(*sheet.headers, title=sheet.title, title_justify="left", box=None, header_style="bold")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
        console.print()
    console.print(f"plan {result.plan}", soft_wrap=True)
