"""One run of a command that sends frames: client, display, sinks and exit code, from the parsed options."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from elitscope.client import Client
from elitscope.commands.display import Display, display_for
from elitscope.commands.frames import Job, Sink, plotted_to, run_frames, saved_to
from elitscope.commands.summary import Summary, Tally
from elitscope.errors import ServerGone
from elitscope.files.errors import need
from elitscope.files.save import ResultWriter

ANSWERED, FAILED, REJECTED, INTERRUPTED = 0, 1, 3, 130
"""Exit codes: every frame has a result; something failed; some frames were rejected; Ctrl-C."""

Connect = Callable[[argparse.Namespace], Any]
"""Makes the client of a run, a context manager with `connect()` and `stream()`."""


def connect(args: argparse.Namespace) -> Client:
    """The client that the options describe."""
    return Client(
        args.server,
        stream=args.stream,
        outputs=args.outputs,
        deadline_ms=args.deadline_ms,
        policy=args.policy,
        timeout=args.timeout,
        key=args.key,
    )


def launch(args: argparse.Namespace, jobs_for: Callable[[Display], Iterable[Job]], connect: Connect = connect) -> Summary:
    """Run the jobs that `jobs_for(display)` yields with everything the options ask for, and print the summary."""
    if args.plot:
        need("matplotlib", "--plot")
    with ExitStack() as stack:
        display = stack.enter_context(display_for(args.json))
        sinks: list[Sink] = [display.answered]
        if args.save:
            attributes = {"server": args.server, "stream": args.stream}
            sinks.insert(0, saved_to(stack.enter_context(ResultWriter(args.save, attributes, args.overwrite))))
        if args.plot:
            sinks.append(plotted_to(args.plot))
        client = stack.enter_context(connect(args))
        tally = Tally(time.monotonic())
        try:
            _greet(client, args.server, display)
            return run_frames(client, jobs_for(display), sinks, tally=tally)
        except ServerGone as error:
            raise ServerGone(f"{args.server}: {error}") from error
        finally:  # whatever ended the run, what it came to is shown
            display.finished(tally.summary(time.monotonic()))


def exit_code(summary: Summary) -> int:
    """What the shell is told."""
    if summary.interrupted:
        return INTERRUPTED
    return REJECTED if summary.rejections else ANSWERED


def _greet(client: Any, address: str, display: Display) -> None:
    display.note(f"connecting to {address}")
    welcome = client.connect()
    ensemble = welcome.ensemble
    if ensemble is not None:
        makeup = f"{len(ensemble.members)} networks, classes {', '.join(ensemble.classes)}, {ensemble.sampling:g} Å/px"
        display.note(f"{welcome.server}: ensemble {ensemble.name} {ensemble.version}, {makeup}")
