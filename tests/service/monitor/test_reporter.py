"""What is found goes into the store and is told; the autopilot acts through it, beside an engine that settles what is wanted."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elitscope.hotspots import HOTSPOT_DTYPE, HOTSPOT_KINDS, HotspotTable
from elitscope_models.drift.look import Look
from elitscope_models.drift.recommend import Recommendation
from elitscope_models.drift.watch import Alarm, Judgement
from elitscope_service.monitor.ending import end
from elitscope_service.monitor.reporter import Reporter
from elitscope_service.monitor.stream import Finding
from elitscope_service.planners import changed, undone
from elitscope_service.store import keys
from elitscope_service.store.connect import open_async_store
from elitscope_service.store.documents import Autopilot, Hold, Told
from elitscope_service.store.drift import AdviceRecord, DriftRecord
from tests.service.selecting import Engine, audit, fake_ensemble
from tests.support.changes_by import change_as
from tests.support.stores import StoreServer

EVERYONE = (0, 1, 2, 3)
BEFORE, AFTERWARDS = 2.0, 4.0
"""Of the changes that the engine makes here, by whose clock it is always 3."""
DROP = Recommendation("members", (0, 1, 2), None, ("without network 3: fog 0.31, 5.2 times the others'",), 0.97)
NOTHING = Recommendation("no_change", None, None, ("expected F1 0.96",), 0.9)
FOG = Alarm("fog", 3, 1180, 0.31, math.nan, "network 3: fog 0.31, beyond 0.5, since frame 1180")
SPOT = HotspotTable.from_records(np.array([(212.0, 87.5, 6.0, HOTSPOT_KINDS.index("support"), 1.8)], HOTSPOT_DTYPE))


def finding(frame_id: int, revision: int = 1, alarms: tuple[Alarm, ...] = ()) -> Finding:
    """What was made of a frame."""
    look = Look(frame_id, "graphene", EVERYONE, {"spread": math.nan}, {3: {"fog": 0.31}}, SPOT, math.nan)
    return Finding(
        stream="haadf",
        ensemble="graphene",
        version="1",
        revision=revision,
        frame_id=frame_id,
        at=time.time(),
        members=EVERYONE,
        everyone=EVERYONE,
        look=look,
        judgement=Judgement(frame_id, "watching", {"fog": 1.0 if alarms else 0.2}, alarms),
        count=frame_id,
        looks=(look,),
        whole=(look,),
    )


class Bench:
    """A reporter on a real store with the engine's half beside it; stream haadf is at revision 1."""

    def __init__(self, client: Any, store: Any, engine: Engine, advice: Recommendation) -> None:
        self.client, self.store, self.engine, self.advice = client, store, engine, advice
        self.reporter = Reporter(client, tuple, time.monotonic, time.time, lambda finding, applied, ready: self.advice)
        self.frames = 0

    def look(self, alarms: tuple[Alarm, ...] = ()) -> None:
        """Find something in the next frame, under the revision in force."""
        self.frames += 1
        self.reporter.put(finding(self.frames, self.engine.selections.of("haadf").revision, alarms))

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Frames come until it is so."""
        async with asyncio.timeout(120.0):
            while not (found := condition()):
                self.look()
                await asyncio.sleep(0.02)
        return found

    def set_mode(self, mode: Any, since: float = BEFORE) -> None:
        self.store.set(keys.autopilot("haadf"), Autopilot(mode=mode, author="ana", since=since).dumps())

    def pilot(self) -> str | None:
        """What the autopilot makes of it."""
        record = AdviceRecord.loads_or_none(self.store.get(keys.recommendation("haadf")))
        return None if record is None else record.autopilot.state

    def advised_as(self, state: str) -> Callable[[], bool]:
        return lambda: self.pilot() == state


Scenario = Callable[[Bench], Awaitable[None]]


@pytest.fixture
def play(store_server: StoreServer, store: Any, tmp_path: Path) -> Callable[..., None]:
    """Plays a scenario on a bench."""

    def run(scenario: Scenario, advice: Recommendation = DROP) -> None:
        engine = Engine(store, tmp_path / "s.json", {"graphene": fake_ensemble("graphene")})
        engine.members()
        engine.round()

        async def look_around() -> None:
            while True:
                engine.round()
                await asyncio.sleep(0.005)

        async def all_of_it() -> None:
            async with open_async_store(store_server.url) as client:
                bench = Bench(client, store, engine, advice)
                tasks = [asyncio.create_task(look_around()), asyncio.create_task(bench.reporter.run())]
                try:
                    await asyncio.wait_for(scenario(bench), 240.0)
                finally:
                    await end(*tasks)
                    await bench.reporter.close()

        asyncio.run(all_of_it())

    return run


def test_what_was_seen_and_what_is_advised_are_documents_of_finite_numbers(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.look((FOG,))
        await bench.until(bench.advised_as("off"))
        seen = DriftRecord.loads(bench.store.get(keys.drift("haadf")))
        assert (seen.stream, seen.ensemble, seen.revision, seen.state) == ("haadf", "graphene", 1, "watching")
        assert (seen.frame, seen.members) == ({"spread": None}, {3: {"fog": 0.31}})
        assert [(spot.row, spot.kind) for spot in seen.hotspots] == [(212.0, "support")]
        advised = AdviceRecord.loads(bench.store.get(keys.recommendation("haadf")))
        assert (advised.kind, advised.members, advised.reasons, advised.confidence) == ("members", (0, 1, 2), DROP.reasons, 0.97)
        for key in (keys.drift("haadf"), keys.recommendation("haadf")):
            assert 0 < bench.store.ttl(key) <= 3600

    play(scenario)


def test_news_is_told_once_and_figures_with_every_document(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.set_mode("advise")
        with bench.store.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(keys.TOLD)
            heard.get_message(timeout=60.0)
            told: list[Told] = []

            def has(what: str) -> bool:
                while (message := heard.get_message()) is not None:
                    told.append(Told.loads(message["data"]))
                return any(one.body["what"] == what for one in told)

            bench.look((FOG,))
            for what in ("began", "hotspots", "recommendation", "ended", "figures"):
                await bench.until(lambda what=what: has(what))  # type: ignore[misc]
        events = [str(one.body["what"]) for one in told if one.is_event]
        assert sorted(set(events)) == ["began", "ended", "hotspots", "recommendation"]
        assert [events.count(what) for what in ("began", "ended", "recommendation")] == [1, 1, 1]
        began = next(one for one in told if one.body["what"] == "began")
        assert json.loads(began.dumps())["body"]["alarms"][0]["usual"] is None
        figures = next(one.body for one in told if one.body["what"] == "figures")
        assert isinstance(figures["recommendation"], dict) and figures["recommendation"]["members"] == [0, 1, 2]

    play(scenario)


def test_the_autopilot_acts_is_audited_and_its_change_can_be_undone(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.set_mode("act")
        await bench.until(lambda: bench.engine.members() == (0, 1, 2))
        await bench.until(bench.advised_as("idle"))
        (entry,) = audit(bench.store)
        assert (entry.author, entry.role, entry.action, entry.outcome) == ("autopilot", "controller", "deselect", "applied")
        assert entry.reason == "; ".join(DROP.reasons)
        assert entry.before is not None and entry.after is not None
        assert (entry.before.members, entry.after.members) == (EVERYONE, (0, 1, 2))
        await change_as(bench.client, "ana", "operator", "undo", undone)
        assert bench.engine.members() == EVERYONE
        await bench.until(bench.advised_as("standing_back"))
        bench.set_mode("act", AFTERWARDS)
        await bench.until(lambda: bench.engine.members() == (0, 1, 2))
        assert [entry.author for entry in audit(bench.store)] == ["autopilot", "ana", "autopilot"]

    play(scenario)


def test_the_autopilot_waits_while_an_operator_holds_the_stream(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.set(keys.hold("haadf"), Hold(holder="ana", since=time.time()).dumps())
        bench.set_mode("act")
        await bench.until(bench.advised_as("held"))
        for _ in range(20):
            bench.look()
            await asyncio.sleep(0.01)
        assert (bench.engine.members(), audit(bench.store)) == (EVERYONE, [])
        bench.store.delete(keys.hold("haadf"))
        await bench.until(lambda: bench.engine.members() == (0, 1, 2))

    play(scenario)


def test_the_autopilot_stands_back_from_what_somebody_else_changes(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.set_mode("act")
        await change_as(bench.client, "ana", "operator", "deselect", changed([0], []))
        await bench.until(bench.advised_as("standing_back"))
        for _ in range(20):
            bench.look()
            await asyncio.sleep(0.01)
        assert bench.engine.members() == (1, 2, 3)

    play(scenario)


def test_a_change_that_is_refused_is_not_asked_for_again_at_once(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.set_mode("act")
        await bench.until(bench.advised_as("refused"))
        for _ in range(20):
            bench.look()
            await asyncio.sleep(0.01)
        (entry,) = audit(bench.store)
        assert (entry.action, entry.outcome, entry.code) == ("use", "refused", "ensemble_unknown")
        assert bench.engine.members() == EVERYONE

    play(scenario, Recommendation("ensemble", None, "gold", ("lattice",), 0.9))


def test_advice_that_fails_costs_that_frame_and_nothing_else(play: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.advice = None  # type: ignore[assignment]
        await bench.until(lambda: "can't be told" in caplog.text)
        bench.advice = DROP
        await bench.until(bench.advised_as("off"))

    play(scenario)


def test_a_stream_without_a_mode_of_its_own_has_that_of_default(play: Callable[..., None]) -> None:
    async def scenario(bench: Bench) -> None:
        bench.store.set(keys.autopilot("default"), Autopilot(mode="act", author="ana", since=time.time()).dumps())
        await bench.until(lambda: bench.engine.members() == (0, 1, 2))

    play(scenario)


def test_without_a_store_looking_goes_on_and_with_it_back_the_latest_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        with StoreServer("embedded", tmp_path) as server:
            server.kill()
            async with open_async_store(server.url) as client:
                engine: Any = None
                bench = Bench(client, None, engine, NOTHING)
                reporting = asyncio.create_task(bench.reporter.run())
                for frame in range(100):
                    bench.reporter.put(finding(frame))
                    await asyncio.sleep(0)
                server.start()
                with server.client() as store:
                    engine = Engine(store, tmp_path / "s.json", {"graphene": fake_ensemble("graphene")})
                    engine.members()
                    engine.round()
                    async with asyncio.timeout(120.0):
                        while (text := store.get(keys.drift("haadf"))) is None:
                            bench.reporter.put(finding(100))
                            await asyncio.sleep(0.05)
                assert DriftRecord.loads(text).frame_id == 100
                await end(reporting)

    asyncio.run(scenario())
