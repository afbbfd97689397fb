"""How training shows how far it is: a bar for each member and one for the whole on a terminal, a line now and then in a log."""

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
"""Seconds between lines, of a member or of the frames, where there is no terminal."""


class TrainingProgress:
    """Context manager; told about frames (`frames`) and about members' steps (`step`), from one thread."""

    def __init__(self, members: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(file=sys.stderr)
        self._members = members
        self._clock = clock
        self._courses: dict[int, _Course] = {}
        self._frames: _Course | None = None
        self._whole: TaskID | None = None
        self._before = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=120.0,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """One line, above the bars where there are any."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def frames(self, done: int, total: int) -> None:
        """So many frames are simulated."""
        if self._frames is None:
            self._frames = _Course(self._bar.add_task("frames", total=total, figures=""), 0, self._clock())
        self._show(self._frames, "frames", done, total, "")
        if done == total:
            self._bar.remove_task(self._frames.task)

    def step(self, index: int, step: Step) -> None:
        """Member `index` has done a step."""
        name = f"member {index + 1} of {self._members}"
        if index not in self._courses:
            task = self._bar.add_task(name, total=step.steps, completed=step.index, figures="")
            self._courses[index] = _Course(task, step.index - 1, self._clock())
        self._show(self._courses[index], name, step.index, step.steps, f"loss {step.loss:.3f}, IoU {step.iou:.3f}")
        self._show_whole(step.steps)

    def done(self, index: int) -> None:
        """Member `index` is trained: its bar makes room, the whole's goes on. One that never did a step was trained before."""
        if course := self._courses.get(index):
            course.ended = True
            self._bar.update(course.task, visible=False)
        else:
            self._before += 1

    def _show(self, course: _Course, name: str, done: int, total: int, figures: str) -> None:
        course.done, course.total = done, total
        self._bar.update(course.task, completed=done, total=total, figures=figures)
        now = self._clock()
        if not self._console.is_terminal and (now - course.last_line >= LINE_EVERY_S or done == total):
            course.last_line = now
            left = (now - course.started) / max(1, done - course.first) * (total - done)
            self.note(", ".join(filter(None, [f"{name}: {done} of {total}", figures, f"{left:.0f} s left"])))

    def _show_whole(self, steps: int) -> None:
        """Members that have not begun count with as many steps as this one has; those that were done before, not at all."""
        to_train = self._members - self._before
        if to_train < 2:
            return
        courses = self._courses.values()
        total = sum(course.total for course in courses) + steps * (to_train - len(courses))
        done = sum(course.total if course.ended else course.done for course in courses)
        if self._whole is None:
            self._whole = self._bar.add_task("all members", total=total, completed=done, figures="")
        self._bar.update(self._whole, completed=done, total=total)


class _Course:
    """What is shown of one thing that goes on. `first`: where it stood when it was first seen, which a resumed one does at a later step."""

    def __init__(self, task: TaskID, first: int, started: float) -> None:
        self.task = task
        self.first = first
        self.started = started
        self.last_line = started
        self.done = first
        self.total = 0
        self.ended = False
