"""A stranger's bundle is tried in a process of its own, of the lowest priority and with a bounded memory, before the engine touches it.

Whatever the bundle does to the libraries that read, compile and run it, it does to that process: a network that needs too much, never
ends or crashes the runtime costs a load, never a frame. What holds up has left its compiled networks in the cache, so that the engine's
own load is short.

    engine: Trials.run(task) ── one line of JSON on stdin ──▶ trial_child.py
            verdict          ◀── lines of JSON on stdout ──── stage, stage, ..., verdict
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, ConfigDict, ValidationError

from elitscope.errors import ElitscopeError
from elitscope_models.agreement import Agreement
from elitscope_models.bundle import BundleInvalid
from elitscope_service.config import ENV_PREFIX

logger = logging.getLogger(__name__)

MODULE = "elitscope_service.engine.trial_child"
LAST_WORDS_S = 5.0
MOST_WAITING = 5
"""A trial that does not end may take so many times its processor time before it is ended: it may be waiting for its turn, or for ever."""


class TrialStopped(ElitscopeError):
    """The engine is shutting down, and the trial with it."""

    code = "draining"


class Task(BaseModel):
    """What is to be tried.

    `archive`: a zip file to unpack into `folder` first. `run`: compile the networks and run them; otherwise files, checksums and graphs are
    checked alone. `memory_bytes` and `seconds` are what it may take; seconds of processor time, since it runs when nobody else does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    archive: Path | None = None
    unpacked_bytes: int = 0
    run: bool = True
    device: str = "auto"
    cache_dir: Path | None = None
    memory_bytes: int
    seconds: float

    @property
    def label(self) -> str:
        """What people call it."""
        return self.folder.name if self.archive is None else "the upload"


class Verdict(BaseModel):
    """The bundle holds up: its name and digest, how far its networks see (px), and, where they were run, the precision that they earned and
    what a lower one has shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str
    halo: int
    precision: str | None = None
    agreement: Agreement | None = None


class Line(BaseModel):
    """What the child says: the stage that it has come to, in the end its verdict, or why there is none. `code`: whose fault that is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str = ""
    verdict: Verdict | None = None
    why: str = ""
    code: str = BundleInvalid.code


class TrialFailed(ElitscopeError):
    """The trial came to no verdict for a reason that is not the bundle's: a full disk, say."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Trials:
    """Runs trials, one at a time, in the thread that asks; `stop` may come from any other."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self, task: Task) -> Verdict:
        """Try a bundle.

        Raises:
            BundleInvalid: it does not hold up; says why, also where it took too long or took the process down.
            TrialFailed: there was no room on the disk, or a device is missing.
            TrialStopped: `stop` was called.
        """
        child = self._start()
        try:
            output, _ = child.communicate(task.model_dump_json().encode() + b"\n", MOST_WAITING * task.seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
            if not self._stopping:
                raise BundleInvalid(_too_long(task, output, f"{MOST_WAITING * task.seconds:g} s")) from None
        finally:
            self._child = None
            _end(child)
        if self._stopping:
            raise TrialStopped("the engine is shutting down: ask again once it is back")
        return _judge(task, output, child.returncode)

    def stop(self) -> None:
        """End the trial under way, and start none any more."""
        with self._lock:
            self._stopping = True
            child = self._child
        if child is not None:
            child.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        """In the engine's own session: only there does the scheduler weigh the child's priority against the engine's."""
        with self._lock:
            if self._stopping:
                raise TrialStopped("the engine is shutting down: ask again once it is back")
            command = [sys.executable, "-m", MODULE, str(os.getpid())]
            environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}  # passwords are there
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            return self._child


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave neither process nor pipe behind, whatever happened."""
    if child.poll() is None:
        child.kill()
        child.wait(LAST_WORDS_S)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _judge(task: Task, output: bytes, code: int) -> Verdict:
    last = _lines(output)[-1:]
    if last and last[0].verdict is not None:
        return last[0].verdict
    if last and last[0].why:
        if last[0].code != BundleInvalid.code:
            raise TrialFailed(last[0].code, last[0].why)
        raise BundleInvalid(last[0].why)
    if code == -signal.SIGXCPU:
        raise BundleInvalid(_too_long(task, output, f"{task.seconds:g} s of processor time"))
    if not last:
        raise TrialFailed("internal", f"the check of {task.label} could not be started ({_in_words(code)}): the server's log says why")
    crashed = f"{_stage(output)} ended its process ({_in_words(code)})"
    raise BundleInvalid(f"{task.label}: {crashed}: its files are damaged, or made to do so")


def _too_long(task: Task, output: bytes, limit: str) -> str:
    return f"{task.label}: {_stage(output)} was not done after {limit}, and was ended (limits.check_s)"


def _lines(output: bytes) -> list[Line]:
    """What was said in full; a line that was cut off or is none at all ends it."""
    found = []
    for line in output.split(b"\n")[:-1]:
        try:
            found.append(Line.model_validate_json(line))
        except ValidationError:
            break
    return found


def _stage(output: bytes) -> str:
    return next((line.stage for line in reversed(_lines(output)) if line.stage), "starting the check")


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
