"""Frames through a client: what `elitscope stream`, `elitscope simulate` and the demo have in common.

Frames are pulled from their source as the server's credit allows, kept until their answers are there, and then shown to every sink
together with them, in order. A sink is any callable that takes an `Answer`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Optional, Protocol, Union

import numpy as np

from elitscope.commands.interrupts import noted_interrupts
from elitscope.commands.summary import Summary, Tally
from elitscope.files.plot import overlay_png
from elitscope.files.save import ResultWriter
from elitscope.types import FrameInfo, Rejection, Result, Sampling

Reply = Union[Result, Rejection]


class StreamsFrames(Protocol):
    """The part of `elitscope.Client` that a run needs."""

    def stream(self, frames: Iterable[tuple[np.ndarray, FrameInfo]]) -> Iterator[Reply]:
        """One reply a frame, in order."""
        ...


@dataclass(frozen=True)
class Job:
    """One frame to be analysed. `name` calls it something for people and for file names; `truth`: known positions, [n, 2], (row, column)
    in px, and `hidden`, bool [n]: which of them nobody can be expected to see."""

    pixels: np.ndarray
    info: FrameInfo
    name: str
    truth: Optional[np.ndarray] = None
    hidden: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Answer:
    """A frame and what came back; `client_ms` from handing it over to now."""

    job: Job
    reply: Reply
    client_ms: float


Sink = Callable[[Answer], None]


def run_frames(
    client: StreamsFrames,
    jobs: Iterable[Job],
    sinks: Sequence[Sink] = (),
    clock: Callable[[], float] = time.monotonic,
    tally: Optional[Tally] = None,
) -> Summary:
    """Stream every job through `client`, show each answer to every sink, and say what it came to.

    An interrupt (Ctrl-C) ends the run; answers that were there have been through the sinks. `tally` counts along, for a caller who wants
    the figures of a run that fails, too.

    Raises:
        ElitscopeError: the server is gone, or a frame can't be sent; whatever a sink raises.
    """
    under_way: deque[tuple[Job, float]] = deque()
    tally = tally or Tally(clock())

    def hand_over() -> Iterator[tuple[np.ndarray, FrameInfo]]:
        for job in jobs:
            under_way.append((job, clock()))
            tally.sent += 1
            yield job.pixels, job.info

    replies = client.stream(hand_over())
    with noted_interrupts() as interrupted:
        try:
            for reply in replies:
                job, since = under_way.popleft()
                answer = Answer(job, reply, (clock() - since) * 1e3)
                tally.count(reply, answer.client_ms)
                for sink in sinks:
                    sink(answer)
                if interrupted():
                    break
        except KeyboardInterrupt:
            tally.interrupted = True
        tally.interrupted |= interrupted()
    return tally.summary(clock())


def saved_to(writer: ResultWriter) -> Sink:
    """A sink that appends every answer to an open `ResultWriter`."""

    def sink(answer: Answer) -> None:
        writer.write(answer.job.pixels, answer.job.info, answer.reply)

    return sink


def plotted_to(folder: Union[str, PathLike[str]]) -> Sink:
    """A sink that draws every result into `folder` (made if it isn't there), one PNG a frame, called after the frame."""
    place = Path(folder)

    def sink(answer: Answer) -> None:
        if isinstance(answer.reply, Result):
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{_file_name(answer.job.name)}.png"
            overlay_png(path, answer.job.pixels, answer.reply, title=answer.job.name, sampling=answer.job.info.sampling)

    return sink


def paced(
    jobs: Iterable[Job],
    rate: Optional[float],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Job]:
    """`jobs` at `rate` frames a second, as a microscope would send them; as fast as they are taken where the rate is None.

    A late frame is followed at the usual distance, so that a pause causes no burst.
    """
    due = clock()
    for job in jobs:
        if rate is not None:
            wait = due - clock()
            if wait > 0:
                sleep(wait)
            due = max(due, clock()) + 1 / rate
        yield job


def with_sampling(info: FrameInfo, sampling: Optional[Sampling]) -> FrameInfo:
    """`info` with `sampling` in place of what the file says, where the user gave one."""
    return info if sampling is None else replace(info, sampling=sampling, field_of_view=None)


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "._-" else "-" for character in name)
