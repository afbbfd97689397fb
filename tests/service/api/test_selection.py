"""Selections, holds and the audit over HTTP, on a real store with the engine's half beside it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from elitscope_service.api.application import create_app
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.store.connect import open_async_store
from elitscope_service.store.documents import FirstFrame
from tests.service.builders import Clock
from tests.service.selecting import Engine, fake_ensemble
from tests.support.stores import StoreServer

SELECTION = "/v1/streams/haadf/selection"
HOLD = "/v1/streams/haadf/hold"
BOT = {"X-Elitscope-Author": "bot", "X-Elitscope-Role": "controller"}
ANA = {"X-Elitscope-Author": "ana"}

Scenario = Callable[[httpx.AsyncClient, Engine], Awaitable[None]]


@pytest.fixture
def run(store_server: StoreServer, store: Any, tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario against the application, with stream haadf at revision 1 and an engine that looks around all the time."""

    def play(scenario: Scenario) -> None:
        engine = Engine(store, tmp_path / "s.json", {"graphene": fake_ensemble("graphene"), "mos2": fake_ensemble("mos2", 2)})
        engine.members()
        engine.round()

        async def look_around() -> None:
            while True:
                engine.round()
                await asyncio.sleep(0.002)

        async def all_of_it() -> None:
            clock = Clock()
            parts = {"feed": Feed(clock), "events": EventLog("run")}
            parts = {name: part for name, part in parts.items() if name in inspect.signature(create_app).parameters}
            async with open_async_store(store_server.url) as client:
                app = create_app(EngineView(clock), "0", store=client, **parts)
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=ANA) as http:
                    looking = asyncio.create_task(look_around())
                    try:
                        await asyncio.wait_for(scenario(http, engine), 240.0)
                    finally:
                        looking.cancel()
                        with contextlib.suppress(asyncio.CancelledError):
                            await looking

        asyncio.run(all_of_it())

    return play


def test_the_document_is_the_contracts_and_its_tag_the_revision(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        answer = await http.get(SELECTION)
        assert answer.headers["ETag"] == '"1"'
        assert answer.json() == {
            "ensemble": "graphene",
            "members": [{"id": member, "active": True} for member in range(4)],
            "min_members": 1,
            "preference": [0, 1, 2, 3],
            "hold": None,
            "revision": 1,
            "author": "server",
            "reason": "",
            "since": 1.0,
            "first_frame_id": None,
        }
        engine.settler.note_first_frame("haadf", 1, FirstFrame(frame_id=2**64 - 1, at=5.0))
        assert (await http.get(SELECTION)).json()["first_frame_id"] == 2**64 - 1

    run(scenario)


def test_every_change_answers_with_the_selection_that_it_made(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        steps: list[tuple[str, str, Any, str, list[int], str]] = [
            ("PATCH", SELECTION, {"deselect": [1, 2], "reason": "fog"}, "graphene", [0, 3], "fog"),
            ("PATCH", SELECTION, {"select": [1]}, "graphene", [0, 1, 3], ""),
            ("PATCH", SELECTION, {"select": [2], "deselect": [0]}, "graphene", [1, 2, 3], ""),
            ("PUT", SELECTION, {"ensemble": "mos2"}, "mos2", [0, 1], ""),
            ("PUT", SELECTION, {"ensemble": "graphene", "members": [3, 0, 3]}, "graphene", [0, 3], ""),
            ("POST", f"{SELECTION}/undo", None, "mos2", [0, 1], ""),
            ("POST", f"{SELECTION}/undo", {"reason": "further"}, "graphene", [1, 2, 3], "further"),
        ]
        for revision, (method, path, body, ensemble, active, reason) in enumerate(steps, start=2):
            answer = await http.request(method, path, json=body)
            document = answer.json()
            assert (answer.status_code, answer.headers.get("ETag")) == (200, f'"{revision}"'), document
            assert document == (await http.get(SELECTION)).json()
            assert (document["ensemble"], document["author"], document["reason"]) == (ensemble, "ana", reason)
            assert [member["id"] for member in document["members"] if member["active"]] == active

    run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/streams/never/selection", None, 404, "stream_unknown"),
        ("GET", "/v1/streams/Never!/selection", None, 422, "request_invalid"),
        ("PATCH", "/v1/streams/never/selection", {"deselect": [0]}, 404, "stream_unknown"),
        ("PUT", "/v1/streams/never/hold", {}, 404, "stream_unknown"),
        ("PATCH", SELECTION, {"deselect": [0, 1, 2, 3]}, 409, "last_member"),
        ("PATCH", SELECTION, {"deselect": [7]}, 422, "member_unknown"),
        ("PATCH", SELECTION, {"deselect": [1], "select": [1]}, 422, "request_invalid"),
        ("PATCH", SELECTION, {}, 422, "request_invalid"),
        ("PATCH", SELECTION, {"deselect": ["1"]}, 422, "request_invalid"),
        ("PATCH", SELECTION, {"remove": [1]}, 422, "request_invalid"),
        ("PUT", SELECTION, {"ensemble": "gold"}, 404, "ensemble_unknown"),
        ("PUT", SELECTION, {"ensemble": "asleep"}, 409, "ensemble_unavailable"),
        ("PUT", SELECTION, {"ensemble": "graphene", "members": []}, 409, "last_member"),
        ("PUT", SELECTION, {"ensemble": "graphene", "members": [7]}, 422, "member_unknown"),
        ("POST", f"{SELECTION}/undo", None, 409, "nothing_to_undo"),
        ("PUT", HOLD, {"minutes": 0}, 422, "request_invalid"),
        ("PUT", "/v1/streams/haadf/autopilot", {"mode": "fly"}, 422, "request_invalid"),
        ("GET", "/v1/audit?page=7", None, 422, "request_invalid"),
    ],
)
def test_what_can_not_be_done_is_said_by_code(
    run: Callable[[Scenario], None], method: str, path: str, body: Any, status: int, code: str
) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        answer = await http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert engine.members() == (0, 1, 2, 3)

    run(scenario)


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (b'{"deselect": [1}', "application/json", "the body is no JSON: .* at character 15"),
        (b"", "application/json", "body None: Field required"),
        (b'{"deselect": [1]}', "application/x-www-form-urlencoded", r"was not taken for JSON: send it with Content-Type: application/json"),
        (b'{"deselect": ["x"]}', "application/json", r"body\.deselect\.0 'x': Input should be a valid integer"),
    ],
)
def test_a_body_that_can_not_be_read_is_said_in_words(run: Callable[[Scenario], None], content: bytes, media_type: str, words: str) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        answer = await http.request("PATCH", SELECTION, content=content, headers={"Content-Type": media_type})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert re.search(words, answer.json()["detail"]), answer.json()["detail"]
        assert engine.members() == (0, 1, 2, 3)

    run(scenario)


@pytest.mark.parametrize(
    ("tag", "status"), [('"1"', 200), ("1", 200), ("*", 200), ('W/"1"', 200), ('"0", "1"', 200), ('"2"', 412), ("x", 412)]
)
def test_a_change_of_another_revision_than_was_read_is_refused(run: Callable[[Scenario], None], tag: str, status: int) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        answer = await http.patch(SELECTION, json={"deselect": [0]}, headers={"If-Match": tag})
        assert answer.status_code == status
        assert answer.headers["ETag"] == ('"2"' if status == 200 else '"1"')

    run(scenario)


def test_a_hold_keeps_controllers_out_until_it_is_given_back(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        held = (await http.put(HOLD, json={"minutes": 30, "reason": "aligning"})).json()["hold"]
        assert (held["holder"], held["reason"], held["until"] - held["since"]) == ("ana", "aligning", 1800.0)
        refused = await http.patch(SELECTION, json={"deselect": [0]}, headers=BOT)
        assert (refused.status_code, refused.json()["code"]) == (423, "held")
        assert "ana" in refused.json()["detail"] and "aligning" in refused.json()["detail"]
        assert (await http.patch(SELECTION, json={"deselect": [0]}, headers={"X-Elitscope-Author": "ben"})).status_code == 200
        for method in ("PUT", "DELETE"):
            assert (await http.request(method, HOLD, headers=BOT)).status_code == 403
        assert (await http.delete(HOLD)).json()["hold"] is None
        assert (await http.patch(SELECTION, json={"deselect": [1]}, headers=BOT)).status_code == 200

    run(scenario)


def test_a_hold_ends_by_itself(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        await http.put(HOLD, json={"minutes": 0.0001})
        while (await http.get(SELECTION)).json()["hold"] is not None:
            await asyncio.sleep(0.005)
        assert (await http.patch(SELECTION, json={"deselect": [1]}, headers=BOT)).status_code == 200

    run(scenario)


def test_the_autopilots_mode_is_an_operators_to_set(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        path = "/v1/streams/haadf/autopilot"
        assert (await http.get(path)).json()["mode"] == "off"
        assert (await http.put(path, json={"mode": "act"}, headers=BOT)).status_code == 403
        assert (await http.put(path, json={"mode": "advise"})).json()["author"] == "ana"
        assert (await http.get(path)).json()["mode"] == "advise"

    run(scenario)


def test_the_audit_tells_every_command_newest_first_page_by_page(run: Callable[[Scenario], None]) -> None:
    async def scenario(http: httpx.AsyncClient, engine: Engine) -> None:
        key = {"Idempotency-Key": "once"}
        await http.patch(SELECTION, json={"deselect": [0], "reason": "fog"}, headers=BOT)
        for _ in range(2):
            await http.put(HOLD, json={"minutes": 5}, headers=key)
        await http.patch(SELECTION, json={"deselect": [1]}, headers=BOT)
        await http.put("/v1/streams/default/selection", json={"ensemble": "mos2"})
        engine.settler.note_first_frame("haadf", 2, FirstFrame(frame_id=77, at=5.0))
        entries = (await http.get("/v1/audit")).json()["entries"]
        assert [(entry["action"], entry["author"], entry["stream"], entry["outcome"], entry["code"]) for entry in entries] == [
            ("use", "ana", "default", "applied", ""),
            ("deselect", "bot", "haadf", "refused", "held"),
            ("hold", "ana", "haadf", "applied", ""),
            ("deselect", "bot", "haadf", "applied", ""),
        ]
        last = entries[-1]
        assert (last["role"], last["reason"], last["revision"], last["first_frame_id"]) == ("controller", "fog", 2, 77)
        assert (last["before"]["members"], last["after"]["members"]) == ([0, 1, 2, 3], [1, 2, 3])
        assert entries[2]["value"] == "5 minutes"
        paged, page = [], None
        while True:
            document = (await http.get("/v1/audit", params={"limit": 1, **({"page": page} if page else {})})).json()
            paged += document["entries"]
            if (page := document["next"]) is None:
                break
        assert paged == entries
        for parameters, expected in (
            ({"stream": "haadf"}, entries[1:]),
            ({"author": "bot"}, [entries[1], entries[3]]),
            ({"stream": "haadf", "author": "ana"}, [entries[2]]),
            ({"before": 1.0}, []),
            ({"after": 1.0}, entries),
            ({"after": 9e10}, []),
        ):
            assert (await http.get("/v1/audit", params=parameters)).json()["entries"] == expected, parameters

    run(scenario)
