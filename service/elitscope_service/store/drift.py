"""What the drift monitor keeps of a stream: what it saw in the last frame that it looked at, and what it would do.

Each expires by itself, and says when it was written: whoever reads it decides whether that is still the present.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, ValidationError

from elitscope_service.store.documents import Document, Mode

KEPT_S = 3600
"""How long what was seen of a stream is kept."""

Number = float | None
"""None where it can't be computed."""

AdviceKind = Literal["no_change", "members", "ensemble", "retrain"]
Doing = Literal["off", "advising", "idle", "waiting", "acting", "held", "standing_back", "refused"]


class Perishable(Document):
    """A document that another version of the monitor may have written: what can't be read is as good as not there."""

    @classmethod
    def loads_or_none(cls, text: str | bytes | None) -> Self | None:
        """From what was kept, if it can be read."""
        try:
            return super().loads_or_none(text)
        except ValidationError:
            return None


class AlarmRecord(Document):
    """A signal that has changed for good, or is out of order. The frames are clients' ids."""

    signal: str = Field(examples=["fog"])
    member: int | None = Field(description="Whose it is; null for one of the whole frame", examples=[3])
    began_frame_id: int = Field(description="The frame at which it began, as far as can be told", examples=[1180])
    value: Number = Field(description="As it is now", examples=[0.31])
    usual: Number = Field(description="As it was before; null where only a limit is known", examples=[0.06])
    text: str = Field(description="All of it in words", examples=["network 3: fog 0.31, usually 0.06, since frame 1180"])


class HotspotRecord(Document):
    """A place in the frame where the networks' doubt is out of line with the rest of it. Pixels, origin at the centre of the first one."""

    row: float = Field(examples=[212.0])
    column: float = Field(examples=[87.5])
    radius: float = Field(examples=[6.0])
    kind: str = Field(
        description="spread: the networks' probabilities differ; support: some see an atom there; position: they differ about where it is; "
        "shape: an atom that is cut, or larger than others",
        examples=["support"],
    )
    strength: Number = Field(description="How far beyond its bound, 1 and up", examples=[1.8])


class DriftRecord(Perishable):
    """A stream as the monitor sees it. `score`: the largest of `scores`."""

    stream: str
    ensemble: str
    revision: int
    frame_id: int
    at: float
    state: Literal["learning", "watching"]
    score: Number
    scores: dict[str, Number]
    alarms: tuple[AlarmRecord, ...]
    frame: dict[str, Number]
    members: dict[int, dict[str, Number]]
    hotspots: tuple[HotspotRecord, ...]
    looks: int


class AutopilotRecord(Document):
    """What the autopilot makes of the advice, and why."""

    mode: Mode
    state: Doing = Field(
        description="off; advising; idle: there is nothing to do; waiting: the advice has to last, or the last change is too recent; "
        "acting; held: an operator holds the stream; standing_back: somebody else changed the networks since the mode was set; "
        "refused: the change was, and is tried again later"
    )
    why: str = Field(examples=["ana changed the networks at revision 9: it acts again once its mode is set anew"])


class WatchRecord(Perishable):
    """What is usual in a stream under an ensemble: a monitor that is started again must not learn it from frames that have drifted."""

    ensemble: str
    version: str
    looks: int
    watch: dict[str, JsonValue]


class AdviceRecord(Perishable):
    """What the monitor would do. `since_frame_id`: the first of the frames after which it has said so without interruption."""

    stream: str
    ensemble: str
    revision: int
    frame_id: int
    at: float
    kind: AdviceKind
    members: tuple[int, ...] | None
    use: str | None
    reasons: tuple[str, ...]
    confidence: Number
    frames: tuple[int, ...]
    since_frame_id: int
    autopilot: AutopilotRecord
