"""One stream as it is watched: frame by frame what is seen, judged, and kept for advice."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from elitscope.messages import ResultMessage
from elitscope_models.drift.kept import watch_from_json, watch_to_json
from elitscope_models.drift.look import Look, look
from elitscope_models.drift.watch import Judgement, Watch
from elitscope_models.manifest import Manifest
from elitscope_service.store.drift import WatchRecord

logger = logging.getLogger(__name__)

KEEP_S = 30.0
"""How often what was learned is kept."""
KEPT_LOOKS = 12
"""Looks under one revision that advice is given by: three seconds at four frames a second."""
KEPT_WHOLE = 8
"""Looks that know every network of the ensemble, also those that are deselected."""
MOST_HELD, MOST_HELD_BYTES = 16, 96 << 20
"""Frames that are held until the deselected networks' maps of one of them come."""


@dataclass(frozen=True)
class Finding:
    """What was made of a frame. `at`: Unix seconds; `members`: ids that took part, `everyone`: all of the ensemble; `count`: looks so far;
    `looks`: those under this revision, `whole`: those that know every network, the oldest first; `learned`: what is to be kept of it."""

    stream: str
    ensemble: str
    version: str
    revision: int
    frame_id: int
    at: float
    members: tuple[int, ...]
    everyone: tuple[int, ...]
    look: Look
    judgement: Judgement
    count: int
    looks: tuple[Look, ...]
    whole: tuple[Look, ...]
    learned: WatchRecord | None = None


class StreamWatch:
    """For one thread.

    Args:
        name: the stream's.
        recall: what was kept of the stream, if anything.
    """

    def __init__(self, name: str, recall: Callable[[], WatchRecord | None]) -> None:
        self.name = name
        self._recall = recall
        self._watch: Watch | None = None
        self._of = ("", "")
        self._revision = 0
        self._count = 0
        self._kept_at = -math.inf
        self._looks: deque[Look] = deque(maxlen=KEPT_LOOKS)
        self._whole: deque[Look] = deque(maxlen=KEPT_WHOLE)
        self._held: deque[ResultMessage] = deque(maxlen=MOST_HELD)

    def see(self, message: ResultMessage, manifest: Manifest, at: float) -> Finding:
        """Look at a frame, published whole; `at` in Unix seconds."""
        result = message.result
        watch = self._turn_to(result.ensemble, result.ensemble_version, result.revision)
        seen = look(message.frame, result, manifest)
        self._looks.append(seen)
        if set(result.members) == set(manifest.member_ids):
            self._whole.append(seen)
        else:
            self._hold(message)
        self._count += 1
        judgement = watch.update(seen)
        return Finding(
            stream=self.name,
            ensemble=result.ensemble,
            version=result.ensemble_version,
            revision=result.revision,
            frame_id=result.frame_id,
            at=at,
            members=result.members,
            everyone=manifest.member_ids,
            look=seen,
            judgement=judgement,
            count=self._count,
            looks=tuple(self._looks),
            whole=tuple(self._whole),
            learned=self._to_keep(watch, at),
        )

    def see_inactive(self, message: ResultMessage, manifest: Manifest) -> None:
        """The deselected networks' maps of a frame have come: look at it again with them, where it is still held."""
        result = message.result
        held = next((m for m in self._held if (m.result.epoch, m.result.sequence) == (result.epoch, result.sequence)), None)
        if held is None or result.member_maps is None:
            return
        inactive = dict(zip(result.members, result.member_maps, strict=True))
        self._whole.append(look(held.frame, held.result, manifest, inactive))

    def _turn_to(self, ensemble: str, version: str, revision: int) -> Watch:
        """The watch of this ensemble; what was seen under another one, or under another selection, says nothing of this one."""
        if self._watch is None or self._of != (ensemble, version):
            self._of = (ensemble, version)
            self._watch, self._count = self._begin(ensemble, version)
            self._whole.clear()
        if revision != self._revision:
            self._revision = revision
            self._looks.clear()
            self._held.clear()
        return self._watch

    def _begin(self, ensemble: str, version: str) -> tuple[Watch, int]:
        """A watch and how often it has looked: the one that was kept of this ensemble, or a new one."""
        kept = self._recall()
        if kept is not None and (kept.ensemble, kept.version) == (ensemble, version):
            try:
                return watch_from_json(kept.watch), kept.looks
            except ValueError as error:
                logger.warning("stream %s: what was usual has to be learned anew: %s", self.name, error)
        return Watch(), 0

    def _to_keep(self, watch: Watch, at: float) -> WatchRecord | None:
        if at < self._kept_at + KEEP_S:
            return None
        self._kept_at = at
        return WatchRecord(ensemble=self._of[0], version=self._of[1], looks=self._count, watch=watch_to_json(watch))

    def _hold(self, message: ResultMessage) -> None:
        self._held.append(message)
        total = 0
        for kept, held in enumerate(reversed(self._held)):
            total += _nbytes(held)
            if total > MOST_HELD_BYTES:
                self._held = deque(islice(self._held, len(self._held) - kept, None), maxlen=MOST_HELD)
                return


def _nbytes(message: ResultMessage) -> int:
    arrays: tuple[np.ndarray | None, ...] = (message.frame, message.result.mean, message.result.std, message.result.member_maps)
    return sum(array.nbytes for array in arrays if array is not None)
