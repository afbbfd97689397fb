"""Where members are trained: options that every training command has, and the crew that they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elitscope_models.training.member import Crew
    from elitscope_models.training.ray_tasks import Cluster

Note = Callable[[str], None]


def add_crew_options(parser: argparse.ArgumentParser) -> None:
    """--workers, --device and --ray."""
    parser.add_argument("--workers", type=int, metavar="N", help="members at once (default: one a GPU, or as many as the cores bear)")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="where to train (default: on GPUs if there are any); other weights")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="train on a Ray cluster: auto, HOST:PORT, or local to start one; all nodes must share --out's folder",
    )


@dataclass(frozen=True)
class Crews:
    """`device`: torch's name for where members are trained; `of`: a crew for so many members of so many threads each, and how many
    processes this machine has for other work."""

    device: str
    of: Callable[[int, int, Note], tuple[Crew, int]]


@contextmanager
def crews(args: argparse.Namespace) -> Iterator[Crews]:
    """What the options ask for.

    Raises:
        ValueError: it is not there.
    """
    if args.ray is not None:
        from elitscope_models.training.ray_tasks import connected

        with connected(args.ray) as cluster:
            yield _on(cluster, args)
    else:
        yield _here(args)


def _here(args: argparse.Namespace) -> Crews:
    from elitscope_models.training.processor import gpus, workers_for
    from elitscope_models.training.workers import Processes

    found = () if args.device == "cpu" else gpus()
    if args.device == "gpu" and not found:
        raise ValueError("--device gpu: torch sees no GPU here; train on the CPU, or install a torch that was built for CUDA")

    def of(members: int, threads: int, note: Note) -> tuple[Crew, int]:
        many = args.workers or workers_for(members, threads)
        return Processes(found[: args.workers or members] if found else (None,) * many, note), many

    return Crews("cuda" if found else "cpu", of)


def _on(cluster: Cluster, args: argparse.Namespace) -> Crews:
    from elitscope_models.training.processor import workers_for
    from elitscope_models.training.ray_tasks import RayTasks

    if args.device == "gpu" and not cluster.gpus:
        raise ValueError(f"--device gpu: the Ray cluster at {args.ray!r} has no GPU; train on its CPUs (--device cpu)")

    def of(members: int, threads: int, note: Note) -> tuple[Crew, int]:
        return RayTasks(cluster, note, args.workers), workers_for(members, threads)

    return Crews("cuda" if cluster.gpus and args.device != "cpu" else "cpu", of)
