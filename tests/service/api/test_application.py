"""The HTTP application over a known state of the engine: what is answered, and how errors look."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from elitscope_service.api.application import create_app
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.status import (
    Counters,
    EngineStatus,
    EnsembleState,
    EnsembleStatus,
    Histogram,
    Load,
    MemberStatus,
    SelectionStatus,
    StreamStatus,
)
from tests.service.builders import Clock

MEMBERS = (MemberStatus(id=0), MemberStatus(id=4))
READY = EnsembleStatus(name="graphene", state=EnsembleState.READY, path="/b/graphene", version="1", members=MEMBERS)
FAILED = EnsembleStatus(name="broken", state=EnsembleState.FAILED, path="/b/broken", why="sha256 is wrong")
HISTOGRAM = Histogram(count=3, sum_s=0.25, buckets=(0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1), p50_ms=20.0, p90_ms=90.0, p99_ms=99.0)
STREAM = StreamStatus(
    name="haadf",
    outcomes={"result": 3, "overloaded": 2},
    rate_hz=9.5,
    queue_depth=1,
    last_frame_at=1e9,
    selection=SelectionStatus(ensemble="graphene", members=(0, 4), revision=7, author="ana", reason="fog", since=1e9),
    total=HISTOGRAM,
    stages={"queue": Histogram(), "inference": HISTOGRAM},
)
STATUS = EngineStatus(
    epoch="e1",
    server="elitscope-service/0",
    at=1e9,
    started_at=9e8,
    default_ensemble="graphene",
    ensembles=(FAILED, READY),
    streams=(STREAM,),
    load=Load(resident_bytes=1000),
    counters=Counters(publish_dropped=5, refused={"header_invalid": 2}),
)


class Browser:
    """Asks the application without a network, synchronously."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)


class Site:
    """The application with a clock to move, and no network."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.view = EngineView(self.clock)
        self.client = Browser(create_app(self.view, "0.1.0", Feed(self.clock), EventLog("run")))

    def told(self, status: EngineStatus = STATUS, age_s: float = 0.5) -> Site:
        self.view.update(status)
        self.clock.now += age_s
        return self

    def problem(self, path: str, method: str = "GET", **options: Any) -> dict[str, Any]:
        """The problem document that a request is answered with; everything that all of them share is checked here."""
        response = self.client.request(method, path, **options)
        assert response.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = response.json()
        assert set(document) == {"type", "title", "status", "detail", "code", "instance"}
        assert document["status"] == response.status_code
        assert document["type"] == f"urn:elitscope:problem:{document['code']}"
        assert document["instance"] == path
        assert document["detail"]
        return document


def test_the_process_is_healthy_whatever_the_engine_does() -> None:
    assert Site().client.get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_once_the_engine_speaks_and_an_ensemble_is() -> None:
    response = Site().told().client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready", "epoch": "e1", "ensembles": ["graphene"]})


@pytest.mark.parametrize(
    ("status", "age_s", "words"),
    [
        (None, 0.0, "nothing has been heard from the engine yet"),
        (STATUS, 3.1, "silent for 3.1 s"),
        (STATUS.model_copy(update={"draining": True}), 0.5, "shutting down"),
        (STATUS.model_copy(update={"ensembles": ()}), 0.5, "none found"),
        (STATUS.model_copy(update={"ensembles": (FAILED,)}), 0.5, "broken failed (sha256 is wrong)"),
    ],
)
def test_what_is_missing_is_said(status: EngineStatus | None, age_s: float, words: str) -> None:
    site = Site()
    if status is not None:
        site.told(status, age_s)
    document = site.problem("/readyz")
    assert (document["status"], document["code"]) == (503, "not_ready")
    assert words in document["detail"]


def test_exactly_three_seconds_of_silence_are_still_fine() -> None:
    assert Site().told(age_s=3.0).client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/v1/ensembles", "/v1/ensembles/graphene", "/v1/streams", "/v1/streams/haadf"])
def test_before_the_engine_was_ever_heard_nothing_is_known(path: str) -> None:
    document = Site().problem(path)
    assert (document["status"], document["code"]) == (503, "engine_silent")


def test_the_registry_is_listed_with_states_and_reasons() -> None:
    document = Site().told().client.get("/v1/ensembles").json()
    assert (document["default"], document["as_of"], document["stale"]) == ("graphene", 1e9, False)
    assert [(e["name"], e["state"], e["why"]) for e in document["ensembles"]] == [
        ("broken", "failed", "sha256 is wrong"),
        ("graphene", "ready", None),
    ]


def test_one_ensemble_can_be_read() -> None:
    document = Site().told().client.get("/v1/ensembles/graphene").json()
    assert (document["name"], [member["id"] for member in document["members"]], document["stale"]) == ("graphene", [0, 4], False)


def test_streams_are_listed_and_read_one_by_one() -> None:
    site = Site().told()
    (listed,) = site.client.get("/v1/streams").json()["streams"]
    single = site.client.get("/v1/streams/haadf").json()
    assert {key: value for key, value in single.items() if key not in ("as_of", "stale")} == listed
    assert (listed["selection"]["revision"], listed["outcomes"], listed["total"]["p99_ms"]) == (7, {"result": 3, "overloaded": 2}, 99.0)


def test_old_news_is_marked_as_such() -> None:
    site = Site().told(age_s=60.0)
    for path in ("/v1/ensembles", "/v1/ensembles/graphene", "/v1/streams", "/v1/streams/haadf"):
        assert site.client.get(path).json()["stale"] is True


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/ensembles/gold", 404, "ensemble_unknown"),
        ("GET", "/v1/streams/bf", 404, "stream_unknown"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/nothing-here", 404, "not_found"),
        ("POST", "/v1/streams", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_every_error_is_a_problem_document_with_its_code(method: str, path: str, status: int, code: str) -> None:
    document = Site().told().problem(path, method)
    assert (document["status"], document["code"]) == (status, code)


def test_a_refused_method_says_which_are_allowed() -> None:
    assert Site().client.request("POST", "/healthz").headers["allow"] == "GET"


def test_a_defect_is_a_problem_document_too() -> None:
    site = Site()
    site.view.read = None  # type: ignore[method-assign, assignment]
    document = site.problem("/readyz")
    assert (document["status"], document["code"]) == (500, "internal")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:1", "[::1]:8000", "127.1.2.3"])
def test_this_computers_own_names_are_answered(host: str) -> None:
    assert Site().client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.1.2", "", "[::"])
def test_another_host_name_is_refused_since_dns_can_be_rebound(host: str) -> None:
    document = Site().problem("/healthz", headers={"Host": host})
    assert (document["status"], document["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:3000", 200), ("https://evil.example", 403), ("null", 403)])
def test_a_page_from_elsewhere_is_refused(origin: str, status: int) -> None:
    assert Site().client.get("/healthz", headers={"Origin": origin}).status_code == status


def test_the_description_documents_every_route_and_its_problems() -> None:
    document = Site().client.get("/openapi.json").json()
    assert {"/healthz", "/readyz", "/metrics", "/v1/ensembles", "/v1/streams/{stream}", "/v1/sign-in"} <= set(document["paths"])
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            for refused in ("401", "403", "413", "429"):
                assert "application/problem+json" in operation["responses"][refused]["content"]
    assert "503" in document["paths"]["/v1/streams"]["get"]["responses"]
    assert "code" in document["components"]["schemas"]["Problem"]["properties"]
    assert "HTTPValidationError" not in str(document["paths"])


# --------------------------------------------------------------------------------------------------------------- metrics


def scraped(site: Site) -> dict[str, float]:
    lines = site.client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_metrics_have_the_names_of_the_contract() -> None:
    found = scraped(Site().told())
    expected = {
        'elitscope_frames_total{outcome="result",stream="haadf"}': 3,
        'elitscope_frames_total{outcome="overloaded",stream="haadf"}': 2,
        'elitscope_queue_depth{stream="haadf"}': 1,
        'elitscope_active_members{stream="haadf"}': 2,
        'elitscope_selection_revision{stream="haadf"}': 7,
        'elitscope_ensembles{state="ready"}': 1,
        'elitscope_ensembles{state="failed"}': 1,
        'elitscope_ensembles{state="loading"}': 0,
        'elitscope_ensembles{state="on_disk"}': 0,
        "elitscope_publish_dropped_total": 5,
        "elitscope_engine_up": 1,
        'elitscope_frame_seconds_count{stream="haadf"}': 3,
        'elitscope_frame_seconds_sum{stream="haadf"}': 0.25,
        'elitscope_stage_seconds_count{stage="inference",stream="haadf"}': 3,
        'elitscope_stage_seconds_count{stage="queue",stream="haadf"}': 0,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_histograms_are_cumulative() -> None:
    found = scraped(Site().told())
    bounds = {"0.001": 0, "0.0025": 1, "0.1": 1, "0.25": 2, "60": 2, "+Inf": 3}
    for bound, count in bounds.items():
        assert found[f'elitscope_frame_seconds_bucket{{le="{bound}",stream="haadf"}}'] == count


def test_before_the_engine_was_heard_the_metrics_say_that_it_is_not_up() -> None:
    assert scraped(Site()) == {"elitscope_engine_up": 0}


def test_while_the_engine_is_silent_its_last_counts_stay() -> None:
    found = scraped(Site().told(age_s=60.0))
    assert (found["elitscope_engine_up"], found['elitscope_frames_total{outcome="result",stream="haadf"}']) == (0, 3)
