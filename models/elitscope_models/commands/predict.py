"""`elitscope-models predict`: analyse a file offline; under the same plan, bit for bit what a server answers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elitscope_models.commands._numbers import numbers

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from elitscope.types import Rejection, Result
    from elitscope_models.ensemble import Ensemble

_EXAMPLES = """\
examples:
  elitscope-models predict scan.dm4
  elitscope-models predict movie.tif --sampling 0.12 --bundle ./my-bundle --members 0,2 --save out.h5 --plot overlays
  elitscope-models predict scan.npy --plan openvino-cpu-fp32-4d11bfa69eb2 --json     a reply's own plan: the same bits
"""
_OFFLINE = "offline"
ATOM_KINDS = ("weighted", "atomai")


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "predict",
        help="analyse a file offline, with the server's numbers",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=".npy .npz .tif .png .h5 .dm3 .dm4 .emd .mrc .hspy ...; movies frame by frame")
    parser.add_argument("--bundle", default="graphene", metavar="DIR", help="a folder, or the name of one that ships (default: graphene)")
    parser.add_argument("--sampling", type=_sampling, metavar="Å", help="Å/px, or row,column; instead of the file's own")
    parser.add_argument("--members", type=numbers, metavar="IDS", help="only these networks, 0,2 say (default: all)")
    parser.add_argument("--plan", default="auto", metavar="NAME", help="auto, fp32, bf16, or the plan of a reply (default: %(default)s)")
    parser.add_argument("--atoms", choices=ATOM_KINDS, help="how atoms are placed, AtomAI's way say (default: as the bundle says)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU; part of a plan (default: every core)")
    parser.add_argument("--save", type=Path, metavar="OUT", help="write results to OUT.h5 or OUT.npz")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw an overlay PNG of every frame into DIR")
    parser.add_argument("--json", action="store_true", help="one line of JSON a frame, with its atoms, on standard output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Analyse every frame; 0 when all of them were, 1 when some had to be rejected."""
    from contextlib import ExitStack

    from rich.console import Console
    from rich.progress import track

    from elitscope.files import open_frames
    from elitscope.types import Rejection
    from elitscope_models.bundle import load_bundle
    from elitscope_models.commands._report import FrameTable, as_json
    from elitscope_models.loading import open_plan
    from elitscope_models.zoo import find_bundle

    source = open_frames(args.file)
    bundle = load_bundle(find_bundle(args.bundle))
    if args.atoms:
        bundle = replace(bundle, manifest=bundle.manifest.with_atoms(args.atoms))
    ensemble = open_plan(bundle, args.plan, args.members, args.threads)
    console, table, rejected = Console(stderr=True), FrameTable(), 0
    with ExitStack() as stack:
        writer = stack.enter_context(_writer(args.save)) if args.save else None
        if args.plot:
            args.plot.mkdir(parents=True, exist_ok=True)
        for index, (pixels, info) in enumerate(track(source, "analysing", len(source), console=console, disable=not console.is_terminal)):
            answer = _answer(index, pixels, args.sampling or info.sampling, ensemble, args.members)
            rejected += isinstance(answer, Rejection)
            if writer:
                writer.write(pixels, info, answer)
            if args.plot:
                _plot(args.plot / f"frame-{index:06d}.png", pixels, answer)
            if args.json:
                print(as_json(answer), flush=True)
            table.add(answer)
    if not args.json:
        table.show(Console())
    return 1 if rejected else 0


def _answer(index: int, pixels: Any, sampling: Any, ensemble: Ensemble, members: Any) -> Result | Rejection:
    """What a server would have answered to this frame."""
    from elitscope.errors import FrameInvalid
    from elitscope.types import Rejection, Result, Timing
    from elitscope_models.analyse import analyse

    try:
        found = analyse(pixels, sampling, ensemble, members)
    except FrameInvalid as error:
        return Rejection(index, _OFFLINE, error.code, str(error))
    total_ms = found.preprocess_ms + found.inference_ms + found.atoms_ms
    return Result(
        frame_id=index,
        stream=_OFFLINE,
        sequence=index,
        ensemble=ensemble.bundle.manifest.name,
        ensemble_version=ensemble.bundle.manifest.version,
        members=found.members,
        revision=0,
        plan=found.plan,
        classes=found.classes,
        sampling=found.sampling,
        warnings=found.warnings,
        timing=Timing(0.0, found.preprocess_ms, found.inference_ms, found.atoms_ms, total_ms),
        mean=found.mean,
        std=found.std,
        atoms=found.atoms,
        hotspots=found.hotspots,
        member_maps=found.member_maps,
    )


def _writer(path: Path) -> Any:
    from elitscope.files import ResultWriter
    from elitscope_models.commands._archive import ArchiveWriter

    return ArchiveWriter(path) if path.suffix.lower() == ".npz" else ResultWriter(path, {"stream": _OFFLINE})


def _plot(path: Path, pixels: Any, answer: Result | Rejection) -> None:
    from elitscope.files import overlay_png
    from elitscope.types import Result

    if isinstance(answer, Result):
        overlay_png(path, pixels, answer)


def _sampling(text: str) -> Any:
    from elitscope.types import as_sampling

    try:
        numbers = [float(part) for part in text.split(",")]
        return as_sampling(numbers[0] if len(numbers) == 1 else numbers)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
