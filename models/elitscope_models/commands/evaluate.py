"""`elitscope-models evaluate`: how well an ensemble and its members find atoms that are known."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope.simulator import DRIFTS, LATTICES

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from elitscope_models.evaluate import Evaluation


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser("evaluate", help="score a bundle on frames with known atoms", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="frames and atoms (see `simulate`), instead of simulating some")
    parser.add_argument("--lattice", choices=LATTICES, default="graphene", help="what to simulate (default: %(default)s)")
    parser.add_argument("--drift", choices=DRIFTS, default="all", help="what gets worse over the simulated movie (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=24, metavar="N", help="frames to simulate (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated movie (default: %(default)s)")
    parser.add_argument("--plan", default="auto", metavar="NAME", help="auto, fp32, bf16 or a full plan (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="figures as JSON on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the figures; 0 when done, 2 when the bundle, the truth or the plan can't be used."""
    from rich.console import Console
    from rich.progress import track

    from elitscope.errors import ElitscopeError
    from elitscope.simulator import movie
    from elitscope_models.bundle import load_bundle
    from elitscope_models.evaluate import evaluate
    from elitscope_models.loading import open_plan
    from elitscope_models.truth import from_simulated, read_truth

    try:
        ensemble = open_plan(load_bundle(args.bundle), args.plan)
        if args.truth:
            frames = list(read_truth(args.truth))
        else:
            frames = [from_simulated(frame) for frame in movie(args.lattice, frames=args.frames, seed=args.seed, drift=args.drift)]
        bar = Console(stderr=True)
        result = evaluate(track(frames, "frames", console=bar, disable=not bar.is_terminal), ensemble)
    except (ElitscopeError, ValueError) as error:
        print(f"elitscope-models evaluate: {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(_as_dict(result), indent=2))
    else:
        _print_table(result)
    return 0


def _as_dict(result: Evaluation) -> dict[str, object]:
    return {
        "plan": result.plan,
        "ensemble": result.ensemble.as_dict(),
        "segments": [figures.as_dict() for figures in result.segments],
        "members": [figures.as_dict() for figures in result.members],
    }


def _print_table(result: Evaluation) -> None:
    print(f"plan {result.plan}")
    print(f"{'':<16}{'frames':>8}{'IoU':>9}{'precision':>11}{'recall':>9}{'F1':>9}{'RMSE Å':>9}")
    for figures in (result.ensemble, *result.segments, *result.members):
        atoms = figures.atoms
        print(
            f"{figures.name:<16}{figures.frames:>8}{figures.iou:>9.4f}{atoms.precision:>11.4f}{atoms.recall:>9.4f}{atoms.f1:>9.4f}{atoms.rmse:>9.4f}"
        )
