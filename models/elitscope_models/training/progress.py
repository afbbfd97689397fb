"""How training shows how far it is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from elitscope_models.training.fit import Step

LINE_EVERY_S = 20.0
"""Seconds between lines where there is no terminal."""


class TrainingProgress:
    """Context manager; `member(i)` gives the function that takes each `Step` of member i."""

    def __init__(self, members: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(file=sys.stderr)
        self._members = members
        self._clock = clock
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  IoU {task.fields[iou]:.3f}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """One line, above the bar where there is one."""
        self._console.print(text, highlight=False)

    def member(self, index: int) -> Callable[[Step], None]:
        """Takes the steps of one member."""
        name = f"member {index + 1} of {self._members}"
        started = self._clock()
        last_line = started
        task: TaskID | None = None

        def report(step: Step) -> None:
            nonlocal last_line, task
            if task is None:
                task = self._bar.add_task(name, total=step.steps, loss=step.loss, iou=step.iou)
            self._bar.update(task, completed=step.index, loss=step.loss, iou=step.iou)
            now = self._clock()
            if not self._console.is_terminal and (now - last_line >= LINE_EVERY_S or step.index == step.steps):
                last_line = now
                left = (now - started) / step.index * (step.steps - step.index)
                self.note(f"{name}: step {step.index} of {step.steps}, loss {step.loss:.3f}, IoU {step.iou:.3f}, {left:.0f} s left")

        return report
