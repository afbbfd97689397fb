"""Every frame that comes is looked at, in the place where its stream is watched. One at a time, in a thread beside the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from elitscope.messages import ResultMessage, ServerMessage
from elitscope_models.manifest import Manifest
from elitscope_service.logs import LogLimit
from elitscope_service.monitor.listener import ENDED
from elitscope_service.monitor.stream import Finding, StreamWatch
from elitscope_service.monitor.streams import Streams
from elitscope_service.publications import LOOK
from elitscope_service.store.drift import WatchRecord

logger = logging.getLogger(__name__)


class KnowsManifests(Protocol):
    """Where the manifest of an ensemble comes from."""

    def of(self, name: str, version: str) -> Manifest | None:
        """That of a ready ensemble."""


class Watching:
    """Looks.

    Args:
        manifests: of the ensembles that frames are analysed with.
        clock: monotonic seconds; `wall`: Unix seconds.
        recall: what was kept of a stream, by its name.
    """

    def __init__(
        self,
        manifests: KnowsManifests,
        clock: Callable[[], float],
        wall: Callable[[], float],
        recall: Callable[[str], WatchRecord | None] = lambda stream: None,
    ) -> None:
        self._manifests = manifests
        self._wall = wall
        self._streams = Streams(lambda name: StreamWatch(name, lambda: recall(name)))
        self._log_limit = LogLimit(10.0, clock)

    def take(self, topic: str, message: ServerMessage) -> Finding | None:
        """What was found in a frame; None where there is nothing to be told of."""
        kind, _, rest = topic.partition("/")
        if kind == ENDED:
            self._streams.ended(rest.rstrip("/"))
        return self._look(kind, message) if isinstance(message, ResultMessage) else None

    def _look(self, kind: str, message: ResultMessage) -> Finding | None:
        result = message.result
        manifest = self._manifests.of(result.ensemble, result.ensemble_version)
        if manifest is None:
            return None
        try:
            stream = self._streams.of(result.stream)
            if kind == LOOK:
                return stream.see(message, manifest, self._wall())
            stream.see_inactive(message, manifest)
        except Exception as error:  # a defect costs the look at this frame, never the monitor
            held = self._log_limit.pass_on(type(error).__name__)
            if held is not None:
                logger.exception("frame %d of stream %s could not be looked at (%d more not logged)", result.frame_id, result.stream, held)
        return None
