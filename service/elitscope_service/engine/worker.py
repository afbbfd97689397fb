"""The worker thread: takes turns from the scheduler, makes one step at a time, and answers for every frame whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from threading import Lock

from elitscope.errors import FrameInvalid
from elitscope.messages import ServerMessage
from elitscope_service.engine.answers import Answer, dropped_answer, reject_answer, result_answer
from elitscope_service.engine.aside import Aside
from elitscope_service.engine.work import WorkQueue
from elitscope_service.logs import LogLimit
from elitscope_service.pipeline import Analysed
from elitscope_service.scheduler import Job
from elitscope_service.threads import OwnedThread

logger = logging.getLogger(__name__)

IDLE_S = 1.0

Steps = Generator[float, None, Analysed]


class Numbering:
    """Counts the results of every stream, from 0. The worker counts, the io thread forgets streams that have ended."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._lock = Lock()

    def next(self, stream: str) -> int:
        """The number of the stream's next result."""
        with self._lock:
            number = self._next.get(stream, 0)
            self._next[stream] = number + 1
            return number

    def forget(self, stream: str) -> None:
        """Start over should the stream come back."""
        with self._lock:
            self._next.pop(stream, None)


class WorkerThread(OwnedThread):
    """Runs frames step by step.

    Args:
        work: where turns come from.
        begin: makes a frame's steps.
        post: takes answers; must not wait.
        publish: takes topic and message; must not wait. Called only after the frame's answer was posted.
        aside: what there is to do beside frames.
    """

    def __init__(
        self,
        work: WorkQueue,
        begin: Callable[[Job], Steps],
        post: Callable[[Answer], None],
        publish: Callable[[str, ServerMessage], None],
        aside: Aside,
        clock: Callable[[], float],
    ) -> None:
        super().__init__("elitscope-worker")
        self._work = work
        self._begin = begin
        self._post = post
        self._publish = publish
        self._aside = aside
        self._started: dict[Job, Steps] = {}
        self._log_limit = LogLimit(10.0, clock)

    def run(self) -> None:
        try:
            while (turn := self._work.take(self._aside.wait_s(IDLE_S))) is not None:
                for dropped in turn.expired:
                    self._give_up(dropped.job)
                    self._post(dropped_answer(dropped))
                if turn.job is not None:
                    self._aside.leisure.begin()
                    self._step(turn.job)
                else:
                    self._aside.leisure.idle()
                    self._aside.show()
                self._aside.work()
        finally:
            self._aside.close()
            for job in list(self._started):
                self._give_up(job)
                self._post(reject_answer(job, "draining", "the server shut down before this frame was done: send it again once it is back"))

    def _step(self, job: Job) -> None:
        """One step of a frame: it goes on, or is answered."""
        steps = self._started.get(job)
        try:
            if steps is None:
                steps = self._started[job] = self._begin(job)
            cost = next(steps)
        except StopIteration as end:
            self._finish(job, end.value)
        except FrameInvalid as error:
            self._reject(job, error.code, str(error))
        except MemoryError:
            self._reject(job, "overloaded", "there was not enough memory for this frame: send a smaller one, or ask for fewer outputs")
        except Exception as error:  # noqa: BLE001 - a defect costs the frame that met it, never the service
            self._log(job, error)
            self._reject(job, "internal", f"the analysis failed: {type(error).__name__}: {error}")
        else:
            self._work.charge(job, cost)
            self._aside.leisure.busy(cost)

    def _finish(self, job: Job, analysed: Analysed) -> None:
        try:
            answer = result_answer(job, analysed.reply)
        except FrameInvalid as error:  # the reply does not fit the protocol: that is not the frame's fault
            self._log(job, error)
            self._reject(job, "internal", f"the reply can't be sent: {error}")
            return
        self._settle(job, answer)
        for topic, message in analysed.publications:
            self._publish(topic, message)
        self._aside.keep(analysed.frame, analysed.result, {topic.partition("/")[0] for topic, _ in analysed.publications})
        self._aside.show()

    def _reject(self, job: Job, code: str, message: str) -> None:
        self._settle(job, reject_answer(job, code, message))

    def _settle(self, job: Job, answer: Answer) -> None:
        self._started.pop(job, None)
        self._post(answer)
        self._work.finish(job)

    def _give_up(self, job: Job) -> None:
        steps = self._started.pop(job, None)
        if steps is not None:
            steps.close()

    def _log(self, job: Job, error: Exception) -> None:
        held = self._log_limit.pass_on(type(error).__name__)
        if held is not None:
            logger.error("frame %d of stream %s failed (%d more not logged)", job.frame_id, job.stream, held, exc_info=error)
