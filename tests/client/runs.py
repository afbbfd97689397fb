"""A run of frames without a server: made-up frames, and a client that answers them with made-up analyses."""

import numpy as np

from elitscope.commands.frames import Job
from elitscope.types import FrameInfo
from tests.client.analysed import a_result


class FakeClient:
    """Pulls `ahead` frames before it answers the first, as a client with credit does."""

    def __init__(self, answer, ahead=3):
        self._answer, self._ahead = answer, ahead

    def stream(self, frames):
        waiting = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) > self._ahead:
                yield self._answer(waiting.pop(0))
        for frame in waiting:
            yield self._answer(frame)


def some_jobs(count):
    return [Job(np.full((4, 4), i), FrameInfo(), f"frame-{i}") for i in range(count)]


def analysed(frame):
    return a_result(int(frame[0][0, 0]), mean=None, std=None, member_maps=None)
