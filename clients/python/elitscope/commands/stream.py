"""`elitscope stream`: frames of files through the server."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from elitscope.commands import options
from elitscope.commands.display import Display
from elitscope.commands.frames import Job, paced, with_sampling
from elitscope.commands.launch import FAILED, Connect, connect, exit_code, launch
from elitscope.errors import ElitscopeError
from elitscope.files.read import open_frames
from elitscope.files.source import FrameSource

_EXAMPLES = """\
  elitscope stream scan.dm4
  elitscope stream movie.tif --server tcp://gpu-box:5555 --stream haadf --sampling 0.12 --save out.h5 --plot overlays/
  elitscope stream session.h5::/entry/data/haadf --rate 5 --policy latest
  elitscope stream *.emd --outputs atoms --json

exit codes: 0 every frame has a result; 3 some frames were rejected; 1 a file can't be read, or another error
"""


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "stream", "Stream frames of files to the server and show what is found in them.", _EXAMPLES)
    formats = "npy, npz, tif, png, h5, dm3, dm4, emd, mrc, hspy, ...; FILE::PART picks a dataset"
    parser.add_argument("files", nargs="+", metavar="FILE", help=formats)
    parser.add_argument("--sampling", type=options.sampling, metavar="Å", help="Å per pixel, whatever the files say (0.12 or 0.12,0.13)")
    parser.add_argument("--rate", type=options.positive, metavar="FPS", help="frames a second (default: as fast as they are analysed)")
    options.add_server(parser)
    options.add_results(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, connect: Connect = connect) -> int:
    """Do it; `connect` makes the client."""
    files = _Files(args)
    summary = launch(args, files.jobs, connect=connect)
    return FAILED if files.unreadable and not summary.interrupted else exit_code(summary)


class _Files:
    """The frames of several files, one file after the other; what can't be read is reported and passed over."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._names: set[str] = set()
        self.unreadable: list[str] = []

    def jobs(self, display: Display) -> Iterator[Job]:
        return paced(self._jobs(display), self._args.rate)

    def _jobs(self, display: Display) -> Iterator[Job]:
        known = 0
        for i, path in enumerate(self._args.files):
            try:
                source = open_frames(path)
                self._describe(source, display)
                known += len(source)
                # files that are not opened yet have one frame at least
                display.expect(known + len(self._args.files) - i - 1)
                yield from self._frames(source)
            except (ElitscopeError, OSError) as error:
                self.unreadable.append(path)
                display.note(f"elitscope: {error}")

    def _describe(self, source: FrameSource, display: Display) -> None:
        display.note(f"{source.path.name}: {source.description}")
        for note in source.notes:
            display.note(f"  {note}")
        if source.sampling is None and self._args.sampling is None:
            display.note("  no sampling in the file: give it with --sampling (Å/px) for trustworthy results")

    def _frames(self, source: FrameSource) -> Iterator[Job]:
        stem = self._unique(Path(source.path).stem)
        for index, (pixels, info) in enumerate(source):
            name = stem if len(source) == 1 else f"{stem}-{index:04d}"
            yield Job(pixels, with_sampling(info, self._args.sampling), name)

    def _unique(self, stem: str) -> str:
        """Files of one name in two folders must not overwrite each other's pictures."""
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        return name
