from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from pathlib import Path

from elitscope_models.training.interrupts import deaf_to_interrupts
from tests.support.server import PATIENCE

ROOT = Path(__file__).parents[3]


def test_an_interrupt_that_comes_while_processes_are_started_is_heard_afterwards() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with deaf_to_interrupts():
            signal.raise_signal(signal.SIGINT)
            assert not heard
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def blocked() -> None:
    raise SystemExit(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_processes_that_are_started_meanwhile_stay_deaf_the_first_one_too() -> None:
    """In a process that has not started any, as a training does."""
    run = subprocess.run([sys.executable, "-m", __name__], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert run.stdout.split() == ["1", "1", "0"]


def start_two_deaf_and_one_that_hears() -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=blocked) for _ in range(3)]
    with deaf_to_interrupts():
        for process in processes[:2]:
            process.start()
    processes[2].start()
    for process in processes:
        process.join()
        print(process.exitcode)


if __name__ == "__main__":
    start_two_deaf_and_one_that_hears()
