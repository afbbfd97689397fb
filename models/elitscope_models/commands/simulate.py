"""`elitscope-models simulate`: frames with known atoms, to train on, to evaluate with, or to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope.simulator import DRIFTS, LATTICES

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser("simulate", help="write synthetic frames and their atoms to a file", description=__doc__)
    parser.add_argument("out", type=Path, metavar="FILE", help=".npz, .h5 or .hdf5")
    parser.add_argument("--lattice", choices=LATTICES, default="graphene", help="what is imaged (default: %(default)s)")
    parser.add_argument("--drift", choices=DRIFTS, default="none", help="what gets worse over the movie (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=8, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--shape", type=int, nargs=2, default=(512, 512), metavar=("ROWS", "COLUMNS"), help="px (default: 512 512)")
    parser.add_argument("--sampling", type=float, metavar="Å", help="Å per pixel (default: usual for the lattice)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same file (default: %(default)s)")
    parser.add_argument(
        "--renderer",
        choices=("gaussian", "multislice"),
        default="gaussian",
        help="atoms as Gaussians, or by multislice of graphene and hexagonal sheets, seconds to minutes a frame (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file; 0 when done, 2 when the arguments make no sense."""
    from elitscope.simulator import movie
    from elitscope_models.training.multislice import Multislice
    from elitscope_models.truth import TruthInvalid, from_simulated, write_truth

    if args.out.exists() and not args.overwrite:
        print(f"elitscope-models simulate: {args.out} is there already: choose another name, or say --overwrite", file=sys.stderr)
        return 2
    imager = Multislice() if args.renderer == "multislice" else None
    try:
        frames = list(movie(args.lattice, tuple(args.shape), args.frames, args.seed, args.drift, args.sampling, imager=imager))
        write_truth(args.out, map(from_simulated, frames), frames[0].classes)
    except (ValueError, TruthInvalid) as error:
        print(f"elitscope-models simulate: {error}", file=sys.stderr)
        return 2
    atoms = sum(len(frame.positions) for frame in frames)
    print(f"{args.out}: {args.frames} frames of {args.shape[0]} × {args.shape[1]} px, {atoms} atoms")
    return 0
