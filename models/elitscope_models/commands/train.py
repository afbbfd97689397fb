"""`elitscope-models train`: make an ensemble by a recipe."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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
each GPU. The number of workers changes nothing but the time.
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
    parser.add_argument("--workers", type=int, metavar="N", help="members at once (default: one a GPU, or as many as the cores bear)")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="where to train (default: on GPUs if torch sees any); other weights")
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
    from elitscope_models.training.processor import gpus, workers_for
    from elitscope_models.training.progress import TrainingProgress
    from elitscope_models.training.recipes import RECIPES
    from elitscope_models.training.workers import Processes

    if (recipe := RECIPES.get(args.recipe)) is None:
        return _refuse(f"recipe {args.recipe!r} is unknown: choose one of {', '.join(RECIPES)}")
    for name, least in (("members", 1), ("steps", 1), ("frames", 2), ("threads", 1), ("workers", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            return _refuse(f"{value} {name} are too few: give at least {least}")
    recipe = _adapted(recipe, args)
    found = () if args.device == "cpu" else gpus()
    if args.device == "gpu" and not found:
        return _refuse("--device gpu: torch sees no GPU here; train on the CPU, or install a torch that was built for CUDA")
    many = workers_for(args.members, recipe.schedule.threads)
    places = (found or (None,) * many)[: args.workers or args.members] if found or args.workers is None else (None,) * args.workers
    try:
        baseline = None if args.baseline is None else read_baseline(args.baseline)
        with TrainingProgress(args.members) as progress:
            train_ensemble(
                recipe,
                args.members,
                args.out,
                args.seed,
                args.release,
                progress,
                Processes(places, progress.note),
                workers=many if args.workers is None else args.workers,
                device="cuda" if found else "cpu",
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
