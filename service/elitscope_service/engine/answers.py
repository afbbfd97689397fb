"""The one answer of a frame, on its way from whoever decided it (worker, scheduler) to the io thread that sends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elitscope.codec import encode
from elitscope.errors import settles
from elitscope.messages import Reject, ResultMessage
from elitscope.types import Timing
from elitscope_service.scheduler import Dropped, Job

RESULT = "result"


@dataclass(frozen=True)
class Answer:
    """`outcome`: "result" or a rejection's code; `parts`: the encoded message; `timing` only with results."""

    job: Job
    outcome: str
    parts: Sequence[Any]
    timing: Timing | None = None

    @property
    def final(self) -> bool:
        """Whether this settles the frame for good: otherwise it is not remembered as answered."""
        return settles(self.outcome)


def result_answer(job: Job, message: ResultMessage) -> Answer:
    """The frame was analysed.

    Raises:
        FrameInvalid: the reply does not fit the protocol's limits.
    """
    return Answer(job, RESULT, encode(message), message.result.timing)


def reject_answer(job: Job, code: str, message: str) -> Answer:
    """The frame was not analysed: why, by code and in words."""
    return Answer(job, code, encode(Reject(job.frame_id, job.stream, code, message)))


def dropped_answer(dropped: Dropped) -> Answer:
    """The scheduler let the frame go."""
    return reject_answer(dropped.job, dropped.code, dropped.message)
