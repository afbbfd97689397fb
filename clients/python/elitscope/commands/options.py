"""Command line options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Optional, Union

from elitscope.client import DEFAULT_SERVER
from elitscope.control import DEFAULT_HTTP
from elitscope.keyfile import KeyFile
from elitscope.types import OUTPUTS, USUAL_OUTPUTS, Sampling, as_sampling, parse_outputs

DEFAULT_STREAM = "main"

ParserLike = Union[argparse.ArgumentParser, argparse._ArgumentGroup]

Subparsers = argparse._SubParsersAction  # what `add_subparsers` returns; argparse has no public name for it


def add_command(subparsers: Subparsers[argparse.ArgumentParser], name: str, help: str, examples: str) -> argparse.ArgumentParser:
    """A subcommand's parser: its help ends with examples."""
    parser = subparsers.add_parser(
        name, help=help, description=help, epilog=f"examples:\n{examples.rstrip()}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def add_server(parser: argparse.ArgumentParser) -> None:
    """Where frames go to, and how."""
    server = os.environ.get("ELITSCOPE_SERVER", DEFAULT_SERVER)
    group = parser.add_argument_group("server")
    group.add_argument("--server", default=server, metavar="ADDR", help="its ZeroMQ address (ELITSCOPE_SERVER; default %(default)s)")
    group.add_argument("--stream", default=DEFAULT_STREAM, metavar="NAME", help="name of this stream at the server (default %(default)s)")
    group.add_argument(
        "--outputs",
        type=outputs,
        default=USUAL_OUTPUTS,
        metavar="NAMES",
        help=f"what comes back, with commas between: {', '.join(OUTPUTS)} (default {','.join(USUAL_OUTPUTS)})",
    )
    group.add_argument("--deadline-ms", type=positive, metavar="MS", help="reject a frame that has no answer after so long")
    group.add_argument("--policy", choices=("all", "latest"), default="all", help="latest: a newer frame supersedes one that still waits")
    group.add_argument("--timeout", type=positive, default=20.0, metavar="S", help="silence after which it counts as gone (default 20 s)")
    add_key(group)


def add_key(parser: ParserLike) -> None:
    """What lets us in where the server asks for a key."""
    key = os.environ.get("ELITSCOPE_KEY")
    parser.add_argument("--key", default=key, metavar="FILE", help="key file, where the server asks for one (ELITSCOPE_KEY)")


def token(args: argparse.Namespace) -> Optional[str]:
    """The bearer token that the options name: by itself, or in a key file."""
    given: Optional[str] = args.token
    return given if given or not args.key else KeyFile.read(args.key).token or None


def add_results(parser: argparse.ArgumentParser) -> None:
    """Where results go to."""
    group = parser.add_argument_group("results")
    group.add_argument("--save", metavar="OUT.h5", help="save frames, maps, atoms and provenance as HDF5")
    group.add_argument("--overwrite", action="store_true", help="let --save replace an existing file")
    group.add_argument("--plot", metavar="DIR", help="draw every frame with its atoms and maps as DIR/NAME.png")


def add_http(parser: argparse.ArgumentParser) -> None:
    """Where the REST API is."""
    http = os.environ.get("ELITSCOPE_HTTP", DEFAULT_HTTP)
    parser.add_argument("--http", default=http, metavar="URL", help="address of the REST API (ELITSCOPE_HTTP; default %(default)s)")
    token = os.environ.get("ELITSCOPE_TOKEN")
    parser.add_argument("--token", default=token, help="bearer token, where the server asks for one (ELITSCOPE_TOKEN)")
    add_key(parser)
    parser.add_argument("--timeout", type=positive, default=30.0, metavar="S", help="wait so long for an answer (default 30 s)")
    trusted = os.environ.get("ELITSCOPE_CA")
    parser.add_argument(
        "--ca", default=trusted, metavar="FILE", help="for https: certificates to trust (ELITSCOPE_CA; default: the system's)"
    )


def add_stream_filter(parser: argparse.ArgumentParser) -> None:
    """Which stream is meant, for commands that otherwise tell of all."""
    parser.add_argument("--stream", metavar="NAME", help="only this stream (default: all)")


def add_stream(parser: argparse.ArgumentParser) -> None:
    """The stream that a command is about."""
    parser.add_argument(
        "--stream", default=DEFAULT_STREAM, metavar="NAME", help='of frames; "default" is what new streams start with (default %(default)s)'
    )


def add_reason(parser: argparse.ArgumentParser) -> None:
    """Why, for those who come after."""
    parser.add_argument("--reason", default="", metavar="TEXT", help="why: it stands in `elitscope history`")


def sampling(text: str) -> Sampling:
    """Å/px, "0.12" or "0.12,0.13" for (row, column)."""
    try:
        numbers = [float(part) for part in text.split(",")]
        value = as_sampling(numbers[0] if len(numbers) == 1 else numbers)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no sampling: give Å/px, 0.12 say, or 0.12,0.13 for row and column") from error
    assert value is not None
    return value


def outputs(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    try:
        return parse_outputs([name.strip() for name in text.split(",")])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be above zero")
    return value


def networks(text: str) -> tuple[int, ...]:
    """Ids of networks with commas between; several such words make up a list (`flat`)."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no network: give ids, 2 3 or 2,3 say") from error


def flat(words: Iterable[tuple[int, ...]]) -> list[int]:
    """The ids in several words.

    >>> flat([(2, 3), (5,)])
    [2, 3, 5]
    """
    return [member for word in words for member in word]


def whole(text: str) -> int:
    """A whole number above zero."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number above zero")
    return int(text)
