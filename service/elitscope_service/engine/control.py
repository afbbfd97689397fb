"""The control thread: the engine's only hand in the store. Frames never wait for it, and it can wait for the store.

It is woken by a change that somebody wants, by a stream that starts or ends, and by the first frame under a revision; without any of
these it looks around twice a second. While the store is down it keeps what it has to say, and says it once the store is back.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import redis

from elitscope_service.engine.ensemble_settling import EnsembleSettler
from elitscope_service.engine.first_frames import FirstFrames, FirstSeen
from elitscope_service.engine.settling import Settler
from elitscope_service.logs import LogLimit
from elitscope_service.store.connect import StoreUnavailable, persistence_warning, store_errors
from elitscope_service.store.documents import FirstFrame
from elitscope_service.threads import OwnedThread

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
MOST_FIRST_FRAMES = 4096


class ControlThread(OwnedThread):
    """Carries out what the store says, and tells it what has come of it.

    Args:
        store: its own client; this thread uses it alone.
        settler: what is done with selections.
        ensembles: what is done with ensembles.
        first_frames: who notices them.
        restored: streams whose selections were restored and that have not come back yet.
        idle_s: seconds after which such a stream counts as ended.
        event: publishes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: redis.Redis,
        settler: Settler,
        ensembles: EnsembleSettler,
        first_frames: FirstFrames,
        restored: tuple[str, ...],
        idle_s: float,
        event: Callable[[Mapping[str, Any]], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__("elitscope-control")
        self._store = store
        self._settler = settler
        self._ensembles = ensembles
        self._first_frames = first_frames
        self._absent = dict.fromkeys(restored, clock() + idle_s)
        self._event = event
        self._clock = clock
        self._woken = Event()
        self._stopping = Event()
        self._notices: deque[tuple[str, bool]] = deque()
        self._ended: set[str] = set()
        self._unsaid: deque[FirstSeen] = deque(maxlen=MOST_FIRST_FRAMES)
        self._store_answers: bool | None = None
        self._log_limit = LogLimit(10.0, clock)

    def wake(self) -> None:
        """Have it look around now; from any thread, never waits."""
        self._woken.set()

    def stream(self, name: str, running: bool) -> None:
        """A stream has started, or ended; from any thread, never waits."""
        self._notices.append((name, running))
        self._woken.set()

    def stop(self) -> None:
        """Ask the thread to say what it still has to say, and end."""
        self._stopping.set()
        self._woken.set()

    def run(self) -> None:
        try:
            self._ensembles.remember()
            while not self._stopping.is_set():
                self._woken.wait(PERIOD_S)
                self._woken.clear()
                self._look_around_whatever_happens()
        finally:
            self._store.close()

    def _look_around_whatever_happens(self) -> None:
        """A defect here costs the change that met it, never the frames: they go on with what is in force."""
        try:
            self._look_around()
        except Exception as error:
            held = self._log_limit.pass_on(type(error).__name__)
            if held is not None:
                logger.exception("the control plane failed (%d more not logged)", held)

    def _look_around(self) -> None:
        self._take_notices()
        for seen in self._first_frames.take():
            self._unsaid.append(seen)
            event = {"event": "selection_in_force", "stream": seen.stream, "revision": seen.revision, "frame_id": seen.frame_id}
            self._event(event)
        try:
            with store_errors():
                self._settler.round()
                self._ensembles.round()
                self._say_first_frames()
                self._ended = {stream for stream in self._ended if not self._settler.forget(stream)}
            self._note_store(None)
        except StoreUnavailable as error:
            self._note_store(error)

    def _take_notices(self) -> None:
        started = False
        while self._notices:
            name, running = self._notices.popleft()
            self._absent.pop(name, None)
            if running:
                self._ended.discard(name)
                started = True
            else:
                self._ended.add(name)
                self._first_frames.forget(name)
        if started:
            self._settler.save()
        now = self._clock()
        late = [stream for stream, end in self._absent.items() if now >= end]
        for stream in late:
            del self._absent[stream]
        self._ended.update(late)

    def _say_first_frames(self) -> None:
        while self._unsaid:
            seen = self._unsaid[0]
            self._settler.note_first_frame(seen.stream, seen.revision, FirstFrame(frame_id=seen.frame_id, at=seen.at))
            self._unsaid.popleft()

    def _note_store(self, error: StoreUnavailable | None) -> None:
        """Say it once when the store goes, and once when it is back."""
        answers = error is None
        if answers == self._store_answers:
            return
        if error is not None:
            logger.warning("%s", error)
        elif self._store_answers is False:
            logger.info("the store answers again")
        if answers:
            self._warn_of_lost_writes()
        self._store_answers = answers

    def _warn_of_lost_writes(self) -> None:
        try:
            warning = persistence_warning(self._store)
        except StoreUnavailable:
            return
        if warning is not None:
            logger.warning("%s", warning)
