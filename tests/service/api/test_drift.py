"""What the drift monitor left in the store, over HTTP: the present, the past called so, and nothing at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from elitscope_service.api.application import create_app
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.status import EngineStatus, EnsembleState, EnsembleStatus, Histogram, MemberStatus, SelectionStatus, StreamStatus
from elitscope_service.store import keys
from elitscope_service.store.connect import open_async_store
from elitscope_service.store.documents import AppliedSelection, Autopilot
from elitscope_service.store.drift import AdviceRecord, AlarmRecord, AutopilotRecord, DriftRecord, HotspotRecord
from tests.service.builders import Clock
from tests.support.stores import StoreServer

DRIFT, ADVICE, MEMBERS = "/v1/streams/haadf/drift", "/v1/streams/haadf/recommendation", "/v1/streams/haadf/members"
FOG = AlarmRecord(signal="fog", member=3, began_frame_id=1180, value=0.31, usual=None, text="network 3: fog 0.31")
SPOT = HotspotRecord(row=212.0, column=87.5, radius=6.0, kind="support", strength=1.8)

Get = Callable[..., httpx.Response]


FRESH_S = -600.0
"""The age of what is as fresh as can be, and stays so however long a test takes."""


def seen(age_s: float = FRESH_S, ensemble: str = "graphene") -> DriftRecord:
    return DriftRecord(
        stream="haadf",
        ensemble=ensemble,
        revision=7,
        frame_id=1204,
        at=time.time() - age_s,
        state="watching",
        score=1.0,
        scores={"fog": 1.0, "sharpness": None},
        alarms=(FOG,),
        frame={"spread": 0.09},
        members={3: {"fog": 0.31, "blob_size": None}},
        hotspots=(SPOT,),
        looks=1204,
    )


def advised(age_s: float = FRESH_S, mode: Any = "act") -> AdviceRecord:
    return AdviceRecord(
        stream="haadf",
        ensemble="graphene",
        revision=7,
        frame_id=1204,
        at=time.time() - age_s,
        kind="members",
        members=(0, 1),
        use=None,
        reasons=("without network 3: fog 0.31",),
        confidence=0.97,
        frames=(),
        since_frame_id=1201,
        autopilot=AutopilotRecord(mode=mode, state="held", why="ana holds the stream"),
    )


def status(last_frame_at: float) -> EngineStatus:
    selection = SelectionStatus(ensemble="graphene", members=(0, 3), revision=7, author="ana", reason="", since=1.0)
    stream = StreamStatus(
        name="haadf",
        outcomes={},
        rate_hz=4.0,
        queue_depth=0,
        last_frame_at=last_frame_at,
        selection=selection,
        total=Histogram(),
        stages={},
    )
    members = (MemberStatus(id=0), MemberStatus(id=3))
    ensemble = EnsembleStatus(name="graphene", state=EnsembleState.READY, path="/b", version="1", members=members)
    return EngineStatus(epoch="e1", server="s", at=time.time(), started_at=0.0, ensembles=(ensemble,), streams=(stream,))


@pytest.fixture
def get(store_server: StoreServer, store: Any) -> Get:
    """Asks the application, over a store in which stream haadf has a selection and a monitor is alive; frames came `idle_s` ago."""
    selection = AppliedSelection(
        stream="haadf",
        revision=7,
        last_revision=7,
        ensemble="graphene",
        members=(0, 3),
        min_members=1,
        preference=(0, 3),
        author="ana",
        role="operator",
        reason="",
        since=1.0,
        touched=True,
    )
    store.set(keys.applied("haadf"), selection.dumps())

    def ask(path: str, idle_s: float = 0.0, alive: bool = True) -> httpx.Response:
        async def once() -> httpx.Response:
            clock = Clock()
            view = EngineView(clock)
            view.update(status(time.time() - idle_s))
            async with open_async_store(store_server.url) as client, client.pubsub() as monitor:
                if alive:
                    await monitor.subscribe(keys.MONITOR)
                    await monitor.get_message(timeout=60.0)
                transport = httpx.ASGITransport(create_app(view, "0", Feed(clock), EventLog("run"), store=client))
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
                    return await http.get(path)

        return asyncio.run(once())

    return ask


def test_the_present_is_shown_as_such(get: Get, store: Any) -> None:
    store.set(keys.drift("haadf"), seen().dumps())
    found = get(DRIFT).json()
    assert (found["state"], found["stale"], found["score"], found["scores"]) == ("watching", None, 1.0, {"fog": 1.0, "sharpness": None})
    assert (found["alarms"], found["hotspots"]) == ([FOG.model_dump()], [SPOT.model_dump()])
    assert (found["signals"], found["members"]) == ({"spread": 0.09}, [{"id": 3, "signals": {"fog": 0.31, "blob_size": None}}])
    assert (found["frame_id"], found["revision"], found["looks"]) == (1204, 7, 1204)
    assert found["age_s"] < 5.0


@pytest.mark.parametrize(
    ("age_s", "idle_s", "ensemble", "alive", "why"),
    [
        (60.0, 120.0, "graphene", True, "no frame has come for"),
        (60.0, 0.0, "graphene", True, "none was looked at"),
        (0.0, 0.0, "graphene", False, "the monitor is silent"),
        (0.0, 0.0, "mos2", True, "'graphene' is in force"),
    ],
)
def test_what_is_not_the_present_is_called_stale_and_why(
    get: Get, store: Any, age_s: float, idle_s: float, ensemble: str, alive: bool, why: str
) -> None:
    store.set(keys.drift("haadf"), seen(age_s, ensemble).dumps())
    found = get(DRIFT, idle_s, alive).json()
    assert found["state"] == "stale"
    assert why in found["stale"]
    assert found["age_s"] >= age_s


@pytest.mark.parametrize("path", [DRIFT, ADVICE])
@pytest.mark.parametrize(
    ("kept", "alive", "status_code", "code"),
    [
        (None, True, 404, "no_frame_yet"),
        (None, False, 503, "monitor_unavailable"),
        ('{"of": "another version"}', True, 404, "no_frame_yet"),
    ],
)
def test_where_nothing_is_known_that_is_said(get: Get, store: Any, path: str, kept: Any, alive: bool, status_code: int, code: str) -> None:
    if kept is not None:
        store.set(keys.drift("haadf"), kept)
        store.set(keys.recommendation("haadf"), kept)
    answer = get(path, alive=alive)
    assert (answer.status_code, answer.json()["code"]) == (status_code, code)


def test_a_stream_that_nobody_named_is_unknown(get: Get) -> None:
    assert get("/v1/streams/never/drift").json()["code"] == "stream_unknown"


def test_advice_comes_with_its_reasons_and_what_the_autopilot_makes_of_it(get: Get, store: Any) -> None:
    store.set(keys.recommendation("haadf"), advised().dumps())
    store.set(keys.autopilot("haadf"), Autopilot(mode="act").dumps())
    found = get(ADVICE).json()
    assert (found["kind"], found["members"], found["reasons"], found["confidence"]) == (
        "members",
        [0, 1],
        ["without network 3: fog 0.31"],
        0.97,
    )
    assert (found["since_frame_id"], found["stale"]) == (1201, None)
    assert found["autopilot"] == {"mode": "act", "state": "held", "why": "ana holds the stream"}


def test_a_mode_that_the_monitor_has_not_heard_of_is_shown_as_it_is(get: Get, store: Any) -> None:
    store.set(keys.recommendation("haadf"), advised(60.0).dumps())
    store.set(keys.autopilot("default"), Autopilot(mode="advise").dumps())
    assert get(ADVICE).json()["autopilot"]["mode"] == "advise"
    assert get("/v1/streams/haadf/autopilot").json()["mode"] == "advise"


def test_scores_are_exported_while_they_are_the_present(get: Get, store: Any) -> None:
    store.set(keys.drift("haadf"), seen().dumps())
    lines = get("/metrics").text.splitlines()
    assert 'elitscope_drift_score{signal="fog",stream="haadf"} 1.0' in lines
    assert 'elitscope_drift_alarms{stream="haadf"} 1.0' in lines
    assert "elitscope_engine_up 1.0" in lines
    assert not any("sharpness" in line for line in lines)
    store.set(keys.drift("haadf"), seen(60.0).dumps())
    assert "elitscope_drift_score{" not in get("/metrics").text


def test_each_network_has_its_signals_and_alarms(get: Get, store: Any) -> None:
    store.set(keys.drift("haadf"), seen().dumps())
    without, with_fog = get(MEMBERS).json()["members"]
    assert (without["signals"], without["alarms"]) == (None, [])
    assert (with_fog["signals"], with_fog["alarms"]) == ({"fog": 0.31, "blob_size": None}, ["network 3: fog 0.31"])


@pytest.mark.parametrize("path", [DRIFT, ADVICE])
def test_with_the_store_down_the_answer_is_503(tmp_path: Path, path: str) -> None:
    async def once() -> httpx.Response:
        clock = Clock()
        view = EngineView(clock)
        view.update(status(time.time()))
        async with open_async_store(f"unix://{tmp_path}/no.sock") as client:
            transport = httpx.ASGITransport(create_app(view, "0", Feed(clock), EventLog("run"), store=client))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
                assert (await http.get("/metrics")).status_code == 200
                return await http.get(path)

    answer = asyncio.run(once())
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
