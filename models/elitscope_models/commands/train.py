"""`elitscope-models train`: make an ensemble by a recipe."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope_models.commands._crew import add_crew_options, crews

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from elitscope_models.training.recipes import Recipe

_EXAMPLES = """\
examples:
  elitscope-models train --recipe graphene --members 8 --out ./graphene
  elitscope-models train --recipe graphene --members 8 --out ./graphene --resume
      goes on after Ctrl-C, a kill or a power cut: the same weights as in one go
  elitscope-models train --recipe graphene --baseline graphene:2 --steps 500 --out ./mine
      starts every member from member 2 of an ensemble that is there already

Members train side by side, each on the CPU threads that its recipe fixes (--threads changes them, and the weights with them), or one on
each GPU. The number of workers changes nothing but the time, and neither does --ray, which trains them on a cluster.
"""
_FEWER = 4
"""With a baseline, so many times fewer steps than the recipe has."""


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train an ensemble by a recipe and write its bundle",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recipe", default="graphene", metavar="NAME", help="name of the recipe (default: %(default)s)")
    parser.add_argument("--members", type=int, default=6, metavar="N", help="networks to train (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the bundle; one that is there is replaced")
    parser.add_argument("--seed", type=int, default=1, help="of data and members (default: %(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help=f"steps a member, instead of the recipe's (with --baseline: 1/{_FEWER})")
    parser.add_argument("--frames", type=int, metavar="N", help="simulated frames, instead of the recipe's")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads a member, instead of the recipe's: other weights")
    add_crew_options(parser)
    parser.add_argument(
        "--baseline", metavar="BUNDLE[:MEMBER]", help="start from a member's weights (default: its best), or from those of an .onnx file"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the training that was stopped, or add members to the bundle")
    parser.add_argument("--checkpoint-every", type=float, default=30.0, metavar="S", help="seconds (default: %(default)g)")
    parser.add_argument("--release", default="1", help="version that the bundle's manifest states (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when the bundle is complete, 2 when the arguments make no sense."""
    from elitscope_models.training.baseline import read_baseline
    from elitscope_models.training.ensemble import train_ensemble
    from elitscope_models.training.progress import TrainingProgress
    from elitscope_models.training.recipes import RECIPES

    if (recipe := RECIPES.get(args.recipe)) is None:
        return _refuse(f"recipe {args.recipe!r} is unknown: choose one of {', '.join(RECIPES)}")
    for name, least in (("members", 1), ("steps", 1), ("frames", 2), ("threads", 1), ("workers", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            return _refuse(f"{value} {name} are too few: give at least {least}")
    recipe = _adapted(recipe, args)
    try:
        baseline = None if args.baseline is None else read_baseline(args.baseline)
        with crews(args) as crew, TrainingProgress(args.members) as progress:
            own, many = crew.of(args.members, recipe.schedule.threads, progress.note)
            train_ensemble(
                recipe,
                args.members,
                args.out,
                args.seed,
                args.release,
                progress,
                own,
                workers=many,
                device=crew.device,
                baseline=baseline,
                resume=args.resume,
                every_s=args.checkpoint_every,
            )
    except ValueError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        print("elitscope-models train: stopped; what was done is kept. The same command with --resume goes on with it", file=sys.stderr)
        raise
    return 0


def _adapted(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe as the options change it."""
    steps = args.steps
    if steps is None and args.baseline is not None:
        steps = max(1, recipe.schedule.steps // _FEWER)
    recipe = recipe if steps is None else recipe.with_steps(steps)
    recipe = recipe if args.frames is None else replace(recipe, frames=args.frames)
    return recipe if args.threads is None else replace(recipe, schedule=replace(recipe.schedule, threads=args.threads))


def _refuse(reason: str) -> int:
    print(f"elitscope-models train: {reason}", file=sys.stderr)
    return 2
