"""The state of the engine as it is published once a second: the one document that the API, the console and a watcher live off.

Counters and histograms are cumulative since the engine started, so a reader that misses a status loses nothing.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

STAGES = ("queue", "preprocess", "inference", "atoms")
"""Where a frame's time goes in the server, in this order; the rest of it is the reply's encoding."""

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Upper bounds of the latency histograms' buckets, in seconds; one more bucket takes the rest."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Histogram(_Part):
    """A latency's distribution. `buckets`: counts by `BUCKETS_S`, not cumulative, the last one beyond all bounds."""

    count: int = Field(default=0, description="Frames measured since the engine started")
    sum_s: float = Field(default=0.0, description="Their seconds, added up")
    buckets: tuple[int, ...] = Field(default=(0,) * (len(BUCKETS_S) + 1), description="Counts by bucket, the last one open-ended")
    p50_ms: float | None = Field(default=None, description="Median of the most recent frames, in milliseconds")
    p90_ms: float | None = Field(default=None, description="90th percentile of the most recent frames, in milliseconds")
    p99_ms: float | None = Field(default=None, description="99th percentile of the most recent frames, in milliseconds")


class SelectionStatus(_Part):
    """The networks in force for a stream."""

    ensemble: str
    members: tuple[int, ...] = Field(description="Ids of the active members")
    revision: int = Field(description="Rises with every change; stamped on every reply")
    author: str
    reason: str
    since: float = Field(description="Unix time in seconds")


class StreamStatus(_Part):
    """One stream of frames."""

    name: str
    outcomes: dict[str, int] = Field(description="Frames by outcome: `result`, or the code of the rejection")
    rate_hz: float = Field(description="Frames answered per second over the last ten seconds")
    queue_depth: int = Field(description="Frames waiting or being analysed")
    last_frame_at: float = Field(description="Unix time in seconds at which the last frame came in")
    selection: SelectionStatus
    total: Histogram = Field(description="From receipt to reply")
    stages: dict[str, Histogram] = Field(description="By stage: queue, preprocess, inference, atoms")


class EnsembleState(StrEnum):
    """Where an ensemble stands: `on_disk` → `loading` → `ready` or `failed`."""

    ON_DISK = "on_disk"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class MemberStatus(_Part):
    """One trained network."""

    id: int
    metrics: dict[str, float] = Field(default_factory=dict, description="Figures on its test set, `iou` say")


class AgreementStatus(_Part):
    """How an ensemble in a precision below fp32 compared with itself in fp32, on the reference frame, when it was loaded."""

    precision: str = Field(description="The precision that was tried: taken, if it is the ensemble's own")
    mean: float = Field(description="Mean absolute difference of the mean map")
    std: float = Field(description="Mean absolute difference of the spread")
    coordinates_px: float = Field(description="The farthest that an atom moved; the frame's side where one was lost")
    speedup: float = Field(description="fp32's time by its own")


class EnsembleStatus(_Part):
    """One bundle that was found. What a bundle that can't be read would have said is None."""

    name: str
    state: EnsembleState
    why: str | None = Field(default=None, description="What went wrong, where `state` is `failed`")
    path: str
    uploaded: bool = Field(default=False, description="It was uploaded here, and can be deleted again")
    version: str | None = None
    classes: tuple[str, ...] = ()
    members: tuple[MemberStatus, ...] = ()
    sampling: float | None = Field(default=None, description="Å/px that it was trained at")
    sampling_range: tuple[float, float] | None = Field(default=None, description="Å/px between which frames are not resampled")
    trained_on: str | None = Field(default=None, description="simulation or experiment")
    calibrated: bool | None = Field(default=None, description="Whether its spread may be taken at its word")
    license: str | None = None
    plan: str | None = Field(default=None, description="Runtime, device, precision and graph digest, where it is ready")
    precision: str | None = Field(default=None, description="What its networks are computed in, `fp32` or `bf16`, where it is ready")
    agreement: AgreementStatus | None = Field(default=None, description="What a lower precision has shown, where there was one to try")


class Load(_Part):
    """What the engine holds at this moment."""

    sessions: int = 0
    queued_frames: int = 0
    queued_bytes: int = 0
    kept_replies: int = 0
    kept_reply_bytes: int = 0
    unsent_bytes: int = 0
    resident_bytes: int = Field(default=0, description="Memory of the engine process")


class Counters(_Part):
    """What happened since the engine started, beside the frames that streams count."""

    messages: int = Field(default=0, description="Messages received, of any kind")
    refused: dict[str, int] = Field(default_factory=dict, description="Messages that belong to no stream and were refused, by code")
    repeated_replies: int = Field(default=0, description="Resent frames that were answered with the kept reply")
    undelivered_replies: int = Field(default=0, description="Replies whose client was gone or did not read; they are kept for its return")
    publish_dropped: int = Field(default=0, description="Publications that a slow publisher or subscriber missed")


class EngineStatus(_Part):
    """The whole of it. `epoch` names this run of the engine; `at` and `started_at` are Unix times in seconds."""

    epoch: str
    server: str
    at: float
    started_at: float
    draining: bool = False
    default_ensemble: str | None = None
    ensembles: tuple[EnsembleStatus, ...] = ()
    streams: tuple[StreamStatus, ...] = ()
    load: Load = Load()
    counters: Counters = Counters()
