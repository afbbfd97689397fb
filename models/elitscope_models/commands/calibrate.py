"""`elitscope-models calibrate`: measure what spread and support mean, on frames with known atoms, and write the bundle with it.

A new version of the bundle, never a change of the old one: its sigmas and its probabilities are other numbers, under other plans.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope.simulator import DRIFTS, LATTICES

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from elitscope_models.bundle import Bundle
    from elitscope_models.drift.calibration import Observed
    from elitscope_models.manifest import Calibration
    from elitscope_models.truth import KnownFrame

_EXAMPLES = """\
examples:
  elitscope-models calibrate graphene --out ./graphene-2                         on simulated movies in which everything drifts
  elitscope-models calibrate graphene --truth movie.npz --out ./graphene-2       on frames with known atoms (see `simulate`)
  elitscope-models calibrate ./mine --out ./mine-2 --plot reliability.png        and the curves as a picture
"""
_SEEDS = 3
"""Simulated movies: one specimen is too few."""


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "calibrate",
        help="turn spread into errors and probability into precision",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or the name of one that ships")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new version")
    parser.add_argument("--release", metavar="VERSION", help="version that its manifest states (default: the old one with +calibrated)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--truth", type=Path, nargs="+", metavar="FILE", help="frames and atoms, instead of simulating some")
    source.add_argument("--drift", choices=DRIFTS, default="all", help="what gets worse over the simulated movies (default: %(default)s)")
    parser.add_argument("--lattice", choices=LATTICES, default="graphene", help="what to simulate (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=48, metavar="N", help="frames to simulate (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=3, metavar="N", help="selections of each size for each frame (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of simulated frames and selections (default: %(default)s)")
    parser.add_argument("--plan", default="auto", metavar="NAME", help="auto, fp32, bf16 or a full plan (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU (default: every core)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the curves before and after")
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the bundle and print what was found; 0 when done, 2 when bundle, truth or options can't be used."""
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from elitscope.errors import ElitscopeError
    from elitscope_models.analyse import analyse
    from elitscope_models.bundle import load_bundle
    from elitscope_models.drift.calibration import fit, merged, observe
    from elitscope_models.loading import open_plan
    from elitscope_models.zoo import find_bundle

    bar = Console(stderr=True)
    try:
        bundle = load_bundle(find_bundle(args.bundle))
        _refuse(args, bundle)
        ensemble, rng = open_plan(bundle, args.plan, threads=args.threads), np.random.default_rng(args.seed)
        each = []
        for frame in track(list(_frames(args)), "frames", console=bar, disable=not bar.is_terminal):
            maps = analyse(frame.pixels, frame.sampling, ensemble).member_maps
            assert maps is not None  # they were asked for
            each.append(observe(frame, maps, args.draws, rng, bundle.manifest.atoms.kind))
        observed = merged(each)
        calibration = fit(observed, _data(args, len(each)))
    except (ElitscopeError, ValueError) as error:
        print(f"elitscope-models calibrate: {error}", file=sys.stderr)
        return 2
    _write(args, bundle, calibration)
    _show(observed, calibration)
    if args.plot:
        from elitscope_models.commands._reliability import draw_reliability

        draw_reliability(observed, calibration, args.plot)
        print(args.plot, file=sys.stderr)
    return 0


def _refuse(args: argparse.Namespace, bundle: Bundle) -> None:
    if bundle.manifest.calibration is not None:
        raise ValueError(f"{bundle.path} is calibrated already: give the version that it was made from")
    if args.out.exists() and not args.overwrite:
        raise ValueError(f"{args.out} is already there: choose another folder or say --overwrite")
    if args.draws < 1 or args.frames < 1:
        raise ValueError(f"{args.draws} draws, {args.frames} frames: give at least one of each")


def _frames(args: argparse.Namespace) -> Iterator[KnownFrame]:
    from elitscope.simulator import movie
    from elitscope_models.truth import from_simulated, read_truth

    if args.truth:
        for path in args.truth:
            yield from read_truth(path)
        return
    for index in range(_SEEDS):
        count = args.frames // _SEEDS + (index < args.frames % _SEEDS)
        if count:
            yield from map(from_simulated, movie(args.lattice, frames=count, seed=args.seed + index, drift=args.drift))


def _data(args: argparse.Namespace, frames: int) -> str:
    if args.truth:
        return f"{frames} frames of {', '.join(path.name for path in args.truth)}"
    return f"elitscope.simulator: {frames} frames of {args.lattice}, drift {args.drift}, seed {args.seed}"


def _write(args: argparse.Namespace, bundle: Bundle, calibration: Calibration) -> None:
    from elitscope_models.bundle import read_member, write_bundle

    manifest = bundle.manifest
    release = args.release or f"{manifest.version}+calibrated"
    fresh = type(manifest).model_validate({**manifest.model_dump(), "version": release, "calibration": calibration.model_dump()})
    members = {member: read_member(bundle, member) for member in manifest.member_ids}
    write_bundle(args.out, fresh, members, overwrite=args.overwrite)
    print(f"{args.out}: {manifest.name} {release}")


def _show(observed: dict[int, Observed], calibration: Calibration) -> None:
    from rich.console import Console
    from rich.table import Table

    from elitscope_models.drift.calibration import predicted_precision, reliability, within_one_sigma

    console = Console(highlight=False)
    table = Table("members", "within σ, raw", "calibrated", "factor", "floor, Å", title="Errors within one sigma (68 % due)", box=None)
    for sigma in calibration.sigma:
        shares = [f"{within_one_sigma(observed[sigma.members], one):.3f}" for one in (None, sigma)]
        table.add_row(str(sigma.members), *shares, f"{sigma.factor:.2f}", f"{sigma.floor:.4f}")
    console.print(table)
    table = Table("members", "predicted", "observed", "atoms", title="Precision", box=None)
    for precision in (calibration.precision[0], calibration.precision[-1]) if len(calibration.precision) > 1 else calibration.precision:
        atoms = observed[precision.members]
        for one in reliability(predicted_precision(atoms, precision), atoms.right):
            table.add_row(str(precision.members), f"{one.predicted:.3f}", f"{one.observed:.3f}", str(one.count))
    console.print(table)
