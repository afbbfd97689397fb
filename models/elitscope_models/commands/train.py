"""`elitscope-models train`: make an ensemble by a recipe."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser("train", help="train an ensemble by a recipe and write its bundle", description=__doc__)
    parser.add_argument("--recipe", default="graphene-first", help="name of the recipe (default: %(default)s)")
    parser.add_argument("--members", type=int, default=6, metavar="N", help="networks to train (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the bundle; one that is there is replaced")
    parser.add_argument("--seed", type=int, default=1, help="of data and members (default: %(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="steps a member, instead of the recipe's")
    parser.add_argument("--frames", type=int, metavar="N", help="simulated frames, instead of the recipe's")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: torch's choice); they change the weights slightly")
    parser.add_argument("--resume", action="store_true", help="keep the members that the bundle in DIR has, train those that are missing")
    parser.add_argument("--release", default="1", help="version that the bundle's manifest states (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when the bundle is complete, 2 when the arguments make no sense."""
    from elitscope_models.training.ensemble import train_ensemble
    from elitscope_models.training.processor import processor
    from elitscope_models.training.progress import TrainingProgress
    from elitscope_models.training.recipes import RECIPES

    recipe = RECIPES.get(args.recipe)
    if recipe is None:
        return _refuse(f"recipe {args.recipe!r} is unknown: choose one of {', '.join(RECIPES)}")
    for name, least in (("members", 1), ("steps", 1), ("frames", 2), ("threads", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            return _refuse(f"{value} {name} are too few: give at least {least}")
    recipe = recipe.with_steps(args.steps) if args.steps is not None else recipe
    recipe = replace(recipe, frames=args.frames) if args.frames is not None else recipe
    try:
        with processor(args.threads), TrainingProgress(args.members) as progress:
            train_ensemble(recipe, args.members, args.out, args.seed, args.release, progress, resume=args.resume)
    except ValueError as error:
        return _refuse(str(error))
    return 0


def _refuse(reason: str) -> int:
    print(f"elitscope-models train: {reason}", file=sys.stderr)
    return 2
