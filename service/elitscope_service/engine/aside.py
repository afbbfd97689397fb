"""What the worker does beside the frames: it shows the last frame of a stream to whoever comes late, and runs the networks that are not in
force, so that an operator can see whether one has recovered.

The last frame of every stream is kept, within bounds. What was not published of it, because nobody wanted it yet or its time had not come,
is published as soon as that has changed; maps that were not computed for the reply are computed when there is leisure.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass, field

from elitscope.messages import FrameMessage, ServerMessage
from elitscope.types import Result
from elitscope_models.analyse import Maps, member_steps
from elitscope_models.ensemble import Ensemble
from elitscope_service.engine.leisure import SETTLED_S, Leisure
from elitscope_service.engine.subscriptions import RateLimit
from elitscope_service.engine.wishes import Wishes
from elitscope_service.publications import INACTIVE, MEMBERS, PREVIEW, SUMMARY, inactive_publication, only, publications, topic

logger = logging.getLogger(__name__)

SHOWN_LATER = (SUMMARY, PREVIEW)
"""Kinds that take nothing but what the reply was made of."""

MOST_BYTES = 256 << 20
"""Of the frames and maps that are kept, over all streams."""

MOST_PIXELS = 1 << 22
"""Of a frame that networks are run on again: 2048 × 2048."""

INACTIVE_HZ = 0.5
POLL_S = 0.05


@dataclass
class _Kept:
    """A stream's last frame; `done`: kinds of publication that are made, or can't be."""

    frame: FrameMessage
    result: Result
    at: float
    nbytes: int
    done: set[str] = field(default_factory=set)


@dataclass
class _Run:
    """Networks being run on a kept frame."""

    kept: _Kept
    kind: str
    members: tuple[int, ...]
    steps: Generator[float, None, Maps]


class Aside:
    """Belongs to the worker thread; `joined` may be called from any.

    Args:
        wishes: what subscribers want, and when it is due.
        ensemble: a ready ensemble by name, or None.
        publish: takes topic and message; must not wait.
        clock: monotonic seconds.
        most_bytes: of the frames and maps that are kept.
    """

    def __init__(
        self,
        wishes: Wishes,
        ensemble: Callable[[str], Ensemble | None],
        publish: Callable[[str, ServerMessage], None],
        clock: Callable[[], float],
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.leisure = Leisure(clock)
        self._wishes = wishes
        self._ensemble = ensemble
        self._publish = publish
        self._clock = clock
        self._most_bytes = most_bytes
        self._inactive_limit = RateLimit(INACTIVE_HZ, clock)
        self._kept: dict[str, _Kept] = {}
        self._joined: deque[str] = deque(maxlen=1024)
        self._run: _Run | None = None

    def keep(self, frame: FrameMessage, result: Result, published: Collection[str]) -> None:
        """A frame was answered, and `published` so far."""
        result = only(result, ("mean", "std", "atoms", "hotspots"))
        arrays = (frame.pixels, result.mean, result.std, result.atoms, result.hotspots)
        nbytes = sum(array.nbytes for array in arrays if array is not None)
        self._kept.pop(frame.stream, None)
        if nbytes > self._most_bytes:
            return
        self._kept[frame.stream] = _Kept(frame, result, self._clock(), nbytes, set(published))
        total = sum(kept.nbytes for kept in self._kept.values())
        while total > self._most_bytes:
            total -= self._kept.pop(next(iter(self._kept))).nbytes

    def joined(self, prefix: str) -> None:
        """Somebody has subscribed to topics that begin like this: they are owed the last frame."""
        self._joined.append(prefix)

    def show(self) -> None:
        """Publish what takes no computing; between two frames, and in pauses."""
        while self._joined:
            prefix = self._joined.popleft()
            for stream, kept in self._kept.items():
                kept.done -= {kind for kind in (*SHOWN_LATER, MEMBERS, INACTIVE) if topic(kind, stream).startswith(prefix)}
        for stream, kept in self._kept.items():
            kinds = [kind for kind in SHOWN_LATER if kind not in kept.done and self._due(kind, stream)]
            for name, message in publications(kept.frame, kept.result, kinds):
                self._publish(name, message)
            kept.done.update(kinds)

    def work(self) -> bool:
        """Make one pass of a network, if there is leisure and anything to do; whether one was made."""
        if not self.leisure.allows():
            return False
        if self._run is None:
            self._run = self._next_run()
        if self._run is None:
            return False
        started = self._clock()
        try:
            next(self._run.steps)
        except StopIteration as end:
            self._finish(self._run, end.value)
            self._run = None
        except Exception as error:  # noqa: BLE001 - nobody's frame depends on this
            logger.warning("networks %s could not be run aside: %s", self._run.members, error)
            self._run = None
        self.leisure.spent(self._clock() - started)
        return True

    def wait_s(self, longest: float) -> float:
        """How long the worker may wait for a frame before it should look here again."""
        owed = {kind for stream, kept in self._kept.items() for kind in self._owed(stream, kept)}
        if self._run is None and not owed:
            return longest
        if self._run is not None or not self.leisure.is_idle:
            return self.leisure.wait_s()
        return POLL_S if owed.intersection(SHOWN_LATER) else min(longest, max(POLL_S, self.leisure.wait_s()))

    def close(self) -> None:
        """Let go of everything."""
        self._run = None
        self._kept.clear()

    def _owed(self, stream: str, kept: _Kept) -> Iterator[str]:
        for kind in (*SHOWN_LATER, MEMBERS, INACTIVE):
            if kind not in kept.done and self._wishes.want(kind, stream):
                yield kind

    def _due(self, kind: str, stream: str) -> bool:
        return self._wishes.want(kind, stream) if kind == SUMMARY else self._wishes.due(kind, stream)

    def _next_run(self) -> _Run | None:
        now = self._clock()
        for stream, kept in reversed(self._kept.items()):
            owed = list(self._owed(stream, kept))
            # while frames come, those of the networks in force are published with them
            if MEMBERS in owed and now - kept.at >= SETTLED_S and self._wishes.due(MEMBERS, stream):
                return self._begin(kept, MEMBERS)
            if INACTIVE in owed and self._inactive_limit.due(stream):
                return self._begin(kept, INACTIVE)
        return None

    def _begin(self, kept: _Kept, kind: str) -> _Run | None:
        kept.done.add(kind)
        ensemble = self._ensemble(kept.result.ensemble)
        if ensemble is None or ensemble.bundle.manifest.version != kept.result.ensemble_version or kept.frame.pixels.size > MOST_PIXELS:
            return None
        in_force = kept.result.members
        members = in_force if kind == MEMBERS else tuple(member for member in ensemble.members if member not in in_force)
        if not members:
            return None
        return _Run(kept, kind, members, member_steps(kept.frame.pixels, kept.result.sampling, ensemble, members, clock=self._clock))

    def _finish(self, run: _Run, maps: Maps) -> None:
        result = run.kept.result
        if run.kind == INACTIVE:
            self._publish(*inactive_publication(result, run.members, maps))
            return
        whole = Result(**{**vars(result), "member_maps": maps})
        for name, message in publications(run.kept.frame, whole, (MEMBERS,)):
            self._publish(name, message)
