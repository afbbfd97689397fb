"""The process that tries a bundle: `python -m elitscope_service.engine.trial_child PARENT_PID`, the task as one JSON line on stdin.

Its limits are set before anything of the bundle is read. It is the first that the system ends where memory runs short.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope_service.child import become_child, read_first_line
from elitscope_service.logs import log_to_stderr

if TYPE_CHECKING:
    from elitscope_models.ensemble import Ensemble
    from elitscope_service.engine.trial import Line, Task, Verdict

GRACE_S = 5
"""Seconds of processor time from the signal that says that it is used up to the one that can't be heard."""
LOWEST_PRIORITY = 19
DIES_FIRST = "1000"
MOST_WORDS = 2000
_OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "Unable to allocate", "Failed to allocate", "memory allocation", "out of memory")


def main(argv: list[str]) -> int:
    """0 with a verdict as the last line, 1 with a line that says why there is none."""
    become_child(int(argv[0]))
    stay_in_the_background()
    log_to_stderr("check")
    voice = os.dup(1)  # libraries that print do so on the standard error
    os.dup2(2, 1)

    from elitscope_service.engine.trial import Task

    task = Task.model_validate_json(read_first_line())
    limit_resources(task.memory_bytes, task.seconds)

    def say(line: Line) -> None:
        os.write(voice, line.model_dump_json().encode() + b"\n")

    say(answer(task, say))
    # not by way of destructors: those of a network that was just refused may crash, or hang
    os._exit(0)


def stay_in_the_background() -> None:
    """Take processor time that nobody else wants, and be the first to go where memory runs short."""
    os.nice(LOWEST_PRIORITY)
    with contextlib.suppress(OSError):  # not on every system
        Path("/proc/self/oom_score_adj").write_text(DIES_FIRST)


def limit_resources(memory_bytes: int, seconds: float) -> None:
    """Bound what this process can allocate and for how long it can compute, and leave no core file of a stranger's doing.

    What counts is data, not address space: runtimes and drivers reserve many times what they ever use.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory_bytes, memory_bytes))  # of one file: the cache of compiled networks is written here
    soft = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + GRACE_S))  # were both the same, it would be killed without a word of why
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(task: Task, say: Callable[[Line], None]) -> Line:
    """Try the bundle; the verdict, or why there is none."""
    from elitscope.errors import ElitscopeError
    from elitscope_models.runtime import RuntimeUnavailable
    from elitscope_service.engine.trial import Line

    try:
        return Line(verdict=try_bundle(task, lambda stage: say(Line(stage=stage))))
    except OSError as error:
        code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "bundle_invalid"
        return Line(why=f"{task.label}: {error.strerror or error}", code=code)
    except RuntimeUnavailable as error:
        return Line(why=str(error), code=error.code)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file makes a library raise is the file's doing
        words = str(error) if isinstance(error, ElitscopeError) else f"{type(error).__name__}: {error}"
        return Line(why=_for_people(f"{task.label}: {words}", task))


def try_bundle(task: Task, stage: Callable[[str], None]) -> Verdict:
    """Unpack, check, compile, run: as far as the task says.

    Raises:
        BundleInvalid: it does not hold up.
    """
    from elitscope_models.bundle import load_bundle
    from elitscope_service.engine.trial import Verdict

    if task.archive is not None:
        from elitscope_service.engine.unpack import unpack

        stage("unpacking it")
        unpack(task.archive, task.folder, task.unpacked_bytes)
    stage("checking its files")
    bundle = load_bundle(task.folder)
    precision = agreement = None
    if task.run:
        from elitscope_models.loading import open_ensemble

        stage("compiling and running its networks")
        ensemble = open_ensemble(bundle, device=task.device, cache_dir=task.cache_dir)
        stage("running its networks on a large frame")
        run_large(ensemble)
        precision, agreement = ensemble.runtime.precision, ensemble.agreement
    return Verdict(name=bundle.manifest.name, digest=bundle.digest, halo=bundle.halo, precision=precision, agreement=agreement)


def run_large(ensemble: Ensemble) -> None:
    """One pass of every network over the largest tile: what a network needs can depend on the frame's size, and on nothing else of it.

    One after the other, each on its own, since this is about what a pass takes at most.

    Raises:
        BundleInvalid: a network does not give a map of the frame's size.
        NetworkInvalid: its runtime refuses, for want of memory say.
    """
    import numpy as np

    from elitscope_models.bundle import BundleInvalid, read_member
    from elitscope_models.reference import reference_image

    tiling, manifest = ensemble.tiling, ensemble.bundle.manifest
    side = max(tiling.max_side, 4 * tiling.halo)
    small = reference_image(manifest, tiling)
    shape = tiling.padded((side, side))
    image = np.ascontiguousarray(
        np.tile(small, [-(-long // short) for long, short in zip(shape, small.shape, strict=True)])[: shape[0], : shape[1]]
    )
    for member in manifest.members:
        found = ensemble.runtime.load(read_member(ensemble.bundle, member.id))(image)
        if found.shape != (len(manifest.classes), *shape):
            raise BundleInvalid(f"{member.file}: gives maps of shape {found.shape} for a frame of shape {shape}")


def _for_people(why: str, task: Task) -> str:
    """Short, without the name of a folder that nobody knows, and saying which limit was met."""
    shown = why.replace(f"{task.folder}{os.sep}", "").replace(str(task.folder), task.label)
    shown = shown if len(shown) <= MOST_WORDS else f"{shown[:MOST_WORDS]}..."
    if not any(word in why for word in _OUT_OF_MEMORY):
        return shown
    return f"{shown}: it needs more than the {task.memory_bytes / 2**30:.3g} GiB that a check may take (limits.check_bytes)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
