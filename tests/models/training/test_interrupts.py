"""In processes of their own: an interrupt that ends the one that runs the tests ends all of them."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

from elitscope_models.training.interrupts import deaf_to_interrupts
from tests.support.server import PATIENCE

ROOT = Path(__file__).parents[3]


def said_by(what: str) -> object:
    command = [sys.executable, "-m", __name__, what]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)


def test_an_interrupt_that_comes_while_processes_are_started_is_heard_afterwards() -> None:
    assert said_by("interrupt") == ["before", "heard", "after"]


def test_processes_that_are_started_meanwhile_stay_deaf_the_first_one_too() -> None:
    assert said_by("start") == [1, 1, 0]


def interrupted() -> list[str]:
    told: list[str] = []
    signal.signal(signal.SIGINT, lambda number, frame: told.append("heard"))
    with deaf_to_interrupts():
        signal.raise_signal(signal.SIGINT)
        told.append("before")
    told.append("after")
    return told


def blocked() -> None:
    raise SystemExit(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def two_deaf_and_one_that_hears() -> list[int | None]:
    """A process that has not started any, as a training has not."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=blocked) for _ in range(3)]
    with deaf_to_interrupts():
        for process in processes[:2]:
            process.start()
    processes[2].start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


if __name__ == "__main__":
    print(json.dumps(interrupted() if sys.argv[1] == "interrupt" else two_deaf_and_one_that_hears()))
