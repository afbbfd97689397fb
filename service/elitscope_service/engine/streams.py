"""The streams that exist: limited in number, since their names become keys and metric labels, and forgotten when idle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from elitscope_service.engine.figures import Figures
from elitscope_service.selection import Selection
from elitscope_service.status import SelectionStatus, StreamStatus


@dataclass
class Stream:
    """One stream. `last_frame`: monotonic seconds, `last_frame_at`: Unix seconds."""

    name: str
    last_frame: float
    last_frame_at: float
    figures: Figures = field(default_factory=Figures)

    def status(self, selection: Selection, queue_depth: int, now: float) -> StreamStatus:
        """What is published of it."""
        return StreamStatus(
            name=self.name,
            outcomes=dict(self.figures.outcomes),
            rate_hz=self.figures.rate_hz(now),
            queue_depth=queue_depth,
            last_frame_at=self.last_frame_at,
            selection=SelectionStatus(
                ensemble=selection.ensemble,
                members=selection.members,
                revision=selection.revision,
                author=selection.author,
                reason=selection.reason,
                since=selection.since,
            ),
            total=self.figures.total.read(),
            stages={stage: latency.read() for stage, latency in self.figures.stages.items()},
        )


class StreamTable:
    """Streams by name.

    Args:
        limit: how many there can be.
        idle_s: a stream without a frame for so long, and with none queued, ends.
    """

    def __init__(self, limit: int, idle_s: float) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._streams: dict[str, Stream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def meet(self, name: str, now: float, wall: float) -> Stream | None:
        """The stream that a frame named at `now` (monotonic) and `wall` (Unix) seconds, made if need be; None where there is no room."""
        stream = self._streams.get(name)
        if stream is None:
            if len(self._streams) >= self._limit:
                return None
            stream = self._streams[name] = Stream(name, now, wall)
        stream.last_frame, stream.last_frame_at = now, wall
        return stream

    def find(self, name: str) -> Stream | None:
        """The stream, if it exists."""
        return self._streams.get(name)

    def all(self) -> list[Stream]:
        """Every stream, by name."""
        return [self._streams[name] for name in sorted(self._streams)]

    def expire(self, now: float, queued: Mapping[str, int]) -> list[Stream]:
        """End the idle streams, `queued` being the frames held by stream, and return them."""
        idle = [s for s in self._streams.values() if now - s.last_frame >= self._idle_s and not queued.get(s.name)]
        for stream in idle:
            del self._streams[stream.name]
        return idle
