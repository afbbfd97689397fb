"""The engine's last status for Prometheus. Its counters are cumulative since the engine started, so no scrape can miss anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from elitscope_service.api.engine_view import EngineView
from elitscope_service.status import BUCKETS_S, EngineStatus, EnsembleState, Histogram, StreamStatus

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


def metrics_registry(view: EngineView) -> CollectorRegistry:
    """A registry of its own (no process-wide one) that reads the view at every scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(view))
    return registry


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
