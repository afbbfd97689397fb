"""The engine's last status for Prometheus, and what the drift monitor sees. Counters are cumulative since the engine started: no scrape can
miss anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import accumulate

import redis.asyncio
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from elitscope.errors import StoreUnavailable
from elitscope_service.api.drift_reading import fresh_drift
from elitscope_service.api.engine_view import EngineView, Seen
from elitscope_service.api.responses import View
from elitscope_service.status import BUCKETS_S, EngineStatus, EnsembleState, Histogram, StreamStatus
from elitscope_service.store.drift import DriftRecord

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, view: View) -> Response:
    drift = drift_registry(await _drift(request.app.state.store, view.read()))
    return Response(generate_latest(request.app.state.metrics) + generate_latest(drift), media_type=CONTENT_TYPE_LATEST)


def metrics_registry(view: EngineView) -> CollectorRegistry:
    """A registry of its own (no process-wide one) that reads the view at every scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(view))
    return registry


def drift_registry(records: Iterable[DriftRecord]) -> CollectorRegistry:
    """A registry of what was seen of streams at this moment."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DriftCollector(tuple(records)))
    return registry


class DriftCollector(Collector):
    """Turns what the drift monitor sees into metric families. Streams of which nothing fresh is known are left out."""

    def __init__(self, records: tuple[DriftRecord, ...]) -> None:
        self._records = records

    def collect(self) -> Iterator[Metric]:
        """The score of every signal, and how many alarms are on."""
        score = GaugeMetricFamily("elitscope_drift_score", "How near a signal is to a drift alarm, 1 is there", labels=["stream", "signal"])
        alarms = GaugeMetricFamily("elitscope_drift_alarms", "Drift alarms that are on", labels=["stream"])
        for record in self._records:
            alarms.add_metric([record.stream], len(record.alarms))
            for signal, value in sorted(record.scores.items()):
                if value is not None:
                    score.add_metric([record.stream, signal], value)
        yield from (score, alarms)


async def _drift(store: redis.asyncio.Redis | None, seen: Seen | None) -> list[DriftRecord]:
    if store is None or seen is None:
        return []
    try:
        return await fresh_drift(store, [stream.name for stream in seen.status.streams], time.time())
    except StoreUnavailable:
        return []


class EngineCollector(Collector):
    """Turns the engine's last status into metric families."""

    def __init__(self, view: EngineView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Every family; while the engine has never been heard of, only that it is not up."""
        seen = self._view.read()
        up = seen is not None and not seen.stale
        yield GaugeMetricFamily("elitscope_engine_up", "1 where the engine was heard from within three seconds", value=int(up))
        if seen is not None:
            yield from _engine_families(seen.status)
            yield from _stream_families(seen.status.streams)


def _engine_families(status: EngineStatus) -> Iterator[Metric]:
    ensembles = GaugeMetricFamily("elitscope_ensembles", "Ensembles by state", labels=["state"])
    for state in EnsembleState:
        ensembles.add_metric([state.value], sum(e.state is state for e in status.ensembles))
    yield ensembles
    dropped = status.counters.publish_dropped
    yield CounterMetricFamily("elitscope_publish_dropped", "Publications that somebody was too slow for", value=dropped)
    refused = CounterMetricFamily("elitscope_refused_messages", "Messages that belong to no stream and were refused", labels=["code"])
    for code, number in sorted(status.counters.refused.items()):
        refused.add_metric([code], number)
    yield refused
    yield GaugeMetricFamily("elitscope_engine_resident_bytes", "Memory of the engine process", value=status.load.resident_bytes)


def _stream_families(streams: Iterable[StreamStatus]) -> Iterator[Metric]:
    frames = CounterMetricFamily("elitscope_frames", "Frames by outcome: result, or the rejection's code", labels=["stream", "outcome"])
    total = HistogramMetricFamily("elitscope_frame_seconds", "From a frame's receipt to its reply", labels=["stream"])
    stages = HistogramMetricFamily("elitscope_stage_seconds", "Time by stage of the frame path", labels=["stream", "stage"])
    depth = GaugeMetricFamily("elitscope_queue_depth", "Frames waiting or being analysed", labels=["stream"])
    members = GaugeMetricFamily("elitscope_active_members", "Networks in force", labels=["stream"])
    revision = GaugeMetricFamily("elitscope_selection_revision", "Revision of the selection in force", labels=["stream"])
    for stream in streams:
        for outcome, number in sorted(stream.outcomes.items()):
            frames.add_metric([stream.name, outcome], number)
        total.add_metric([stream.name], *_prometheus(stream.total))
        for stage, histogram in stream.stages.items():
            stages.add_metric([stream.name, stage], *_prometheus(histogram))
        depth.add_metric([stream.name], stream.queue_depth)
        members.add_metric([stream.name], len(stream.selection.members))
        revision.add_metric([stream.name], stream.selection.revision)
    yield from (frames, total, stages, depth, members, revision)


def _prometheus(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulative buckets by their upper bound, and the sum."""
    bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
    return [(bound, float(count)) for bound, count in zip(bounds, accumulate(histogram.buckets), strict=True)], histogram.sum_s
