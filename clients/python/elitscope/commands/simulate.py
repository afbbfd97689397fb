"""`elitscope simulate`: an instrument that is not there, with atoms whose places are known."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elitscope.commands import options
from elitscope.commands.display import Display
from elitscope.commands.frames import Job, paced
from elitscope.commands.launch import Connect, connect, exit_code, launch
from elitscope.files.errors import FileUnwritable
from elitscope.simulator import DRIFTS, LATTICES, SimulatedFrame, movie
from elitscope.types import FrameInfo

_EXAMPLES = """\
  elitscope simulate --lattice graphene --frames 100 --rate 5
  elitscope simulate --lattice graphene --drift all --plot overlays/
  elitscope simulate --lattice square --size 1024 --seed 7 --save-frames frames.npz

exit codes: as for stream
"""

_HIDING = 5.0
"""Å of amorphous carbon through which no atom is expected to be seen."""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    help = "Send simulated frames, as an instrument would, and compare the atoms found with those known."
    parser = options.add_command(subparsers, "simulate", help, _EXAMPLES)
    parser.add_argument("--lattice", choices=LATTICES, default="graphene", help="specimen (default %(default)s)")
    parser.add_argument("--drift", choices=DRIFTS, default="none", help="what gets worse from frame to frame (default %(default)s)")
    parser.add_argument("--frames", type=options.whole, default=48, metavar="N", help="how many (default %(default)s)")
    parser.add_argument("--size", type=_shape, default=(512, 512), metavar="N", help="pixels a side, or ROWSxCOLUMNS (default 512)")
    parser.add_argument("--sampling", type=options.positive, metavar="Å", help="Å per pixel (default: as suits the lattice)")
    parser.add_argument("--rate", type=options.positive, metavar="FPS", help="frames a second (default: as fast as they are analysed)")
    parser.add_argument("--seed", type=int, default=0, help="of specimen and noise: the same seed gives the same frames (default 0)")
    parser.add_argument("--save-frames", metavar="OUT.npz", help="save the frames sent and their known atoms")
    options.add_server(parser)
    options.add_results(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, connect: Connect = connect) -> int:
    """Do it; `connect` makes the client."""
    _check_target(args)
    sent: list[SimulatedFrame] = []

    def jobs(display: Display) -> Iterator[Job]:
        display.expect(args.frames)
        return paced(_jobs(args, sent), args.rate)

    summary = launch(args, jobs, connect=connect)
    if args.save_frames:
        save_frames(Path(args.save_frames), sent)
    return exit_code(summary)


def _jobs(args: argparse.Namespace, sent: list[SimulatedFrame]) -> Iterator[Job]:
    for index, frame in enumerate(movie(args.lattice, args.size, args.frames, args.seed, args.drift, args.sampling)):
        if args.save_frames:
            sent.append(frame)
        recipe = {"lattice": args.lattice, "drift": args.drift, "seed": args.seed, "frame": index}
        info = FrameInfo(sampling=(frame.sampling, frame.sampling), channel="simulated", metadata=recipe)
        hidden = frame.contamination > _HIDING
        yield Job(frame.pixels, info, f"{args.lattice}-{index:04d}", frame.positions, hidden)


def save_frames(path: Path, frames: list[SimulatedFrame]) -> None:
    """Frames and their atoms as `.npz`: `frames` [frame, row, column], `sampling` [frame] in Å/px, and one entry an atom in `frame`, `row`,
    `column` (px), `class_id`, `contamination` (Å). `elitscope stream` reads it.

    Raises:
        FileUnwritable: the disk is full, say.
    """
    try:
        np.savez_compressed(
            path,
            frames=np.stack([frame.pixels for frame in frames]),
            sampling=np.array([frame.sampling for frame in frames]),
            frame=np.repeat(np.arange(len(frames)), [len(frame.positions) for frame in frames]),
            row=np.concatenate([frame.positions[:, 0] for frame in frames]),
            column=np.concatenate([frame.positions[:, 1] for frame in frames]),
            class_id=np.concatenate([frame.class_ids for frame in frames]),
            contamination=np.concatenate([frame.contamination for frame in frames]),
            classes=np.array(frames[0].classes),
        )
    except OSError as error:
        raise FileUnwritable(f"{path} can't be written ({error.strerror or error})") from error


def _check_target(args: argparse.Namespace) -> None:
    if args.save_frames is None:
        return
    path = Path(args.save_frames)
    if path.suffix != ".npz":
        raise FileUnwritable(f"{path}: frames are saved as .npz, so give a name that ends in it")
    if path.exists() and not args.overwrite:
        raise FileUnwritable(f"{path} exists already: choose another name, or allow overwriting it with --overwrite")


def _shape(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) not in {1, 2}:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give 512, or 512x256 for rows and columns")
    rows, columns = options.whole(sides[0]), options.whole(sides[-1])
    return rows, columns
