"""The gate in front of REST: who gets in, with what, how often; and which pages may press something."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import WebSocket
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from elitscope_service.access.key import ApiKey, make_key
from elitscope_service.access.keyring import Keyring
from elitscope_service.api.application import create_app
from elitscope_service.api.callers import Admin, Reader
from elitscope_service.api.cookies import LASTS_S, NAME, Cookies
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.api.gate import Doors
from elitscope_service.config import Limits
from tests.service.builders import Clock
from tests.support.server import wait_until

NOW = 1e9
HERE = "http://127.0.0.1:8000"
READER, READ = make_key("reader", NOW)
OPERATOR, OPERATE = make_key("operator", NOW, scope="operate", streams=("haadf",))
ADMIN, ADMINISTER = make_key("admin", NOW, scope="admin", expires_at=NOW + 100)
PILOT, STEER = make_key("pilot", NOW, scope="operate", role="controller")
KEYS = (READER, OPERATOR, ADMIN, PILOT)
BEARER = {"Authorization": f"Bearer {READ}"}
CHANGE = "/v1/streams/haadf/selection"


class House:
    """The application with keys, a clock and a wall clock to move, and no network."""

    def __init__(self, *keys: ApiKey, required: bool = True, known: bool = True, **limits: Any) -> None:
        self.clock, self.wall = Clock(), Clock(NOW)
        self.ring = Keyring(keys, required, known)
        self.doors = Doors(
            lambda: self.ring, ("gpu-box",), required, Cookies(b"secret"), Limits(**limits), clock=self.clock, wall=self.wall
        )
        self.events = EventLog("run")
        self.app = create_app(EngineView(self.clock), "0", Feed(self.clock), self.events, self.doors)

    def revoke(self, key: ApiKey) -> None:
        self.ring = Keyring(tuple(k.model_copy(update={"revoked_at": NOW}) if k is key else k for k in self.ring.keys), required=True)

    def ask(self, method: str, path: str, token: str | None = None, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {}) | ({} if token is None else {"Authorization": f"Bearer {token}"})

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(ask())

    def code(self, method: str, path: str, token: str | None = None, **options: Any) -> tuple[int, str]:
        response = self.ask(method, path, token, **options)
        return response.status_code, response.json().get("code", "")

    def cookie(self, token: str) -> dict[str, str]:
        given = self.ask("POST", "/v1/sign-in", json={"token": token}).headers["set-cookie"]
        return {"Cookie": given.partition(";")[0]}


def every_operation() -> Iterator[tuple[str, str]]:
    for path, operations in House().app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path.replace("{stream}", "haadf").replace("{name}", "x").replace("{member}", "1")
    yield "GET", "/openapi.json"
    yield "GET", "/nothing-here"
    yield "GET", "/assets"


OPERATIONS = [each for each in every_operation() if each[1] not in ("/healthz", "/v1/sign-in")]


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=" ".join)
def test_without_a_key_nothing_is_reachable(method: str, path: str) -> None:
    house = House(*KEYS)
    response = house.ask(method, path)
    assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")
    assert response.headers["www-authenticate"] == 'Bearer realm="elitscope"'


def test_without_a_key_the_process_is_still_seen_to_live() -> None:
    assert House(*KEYS).ask("GET", "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[0] != "GET" and each[1] != "/v1/sign-out"], ids=" ".join)
def test_a_read_key_changes_nothing(method: str, path: str) -> None:
    assert House(*KEYS).code(method, path, READ, json={}) == (403, "not_authorised")


def test_a_read_key_reads() -> None:
    assert House(*KEYS).ask("GET", "/metrics", READ).status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=" ".join)
def test_an_expired_key_can_do_nothing(method: str, path: str) -> None:
    house = House(*KEYS)
    house.wall.now = NOW + 100
    assert house.code(method, path, ADMINISTER) == (401, "not_signed_in")


def test_a_key_that_is_revoked_can_do_nothing_from_then_on() -> None:
    house = House(*KEYS)
    cookie = house.cookie(ADMINISTER)
    assert house.ask("GET", "/metrics", ADMINISTER).status_code == house.ask("GET", "/metrics", headers=cookie).status_code == 200
    house.ring = Keyring((ADMIN.model_copy(update={"revoked_at": NOW}),), required=True)
    assert house.code("GET", "/metrics", ADMINISTER) == house.code("GET", "/metrics", headers=cookie) == (401, "not_signed_in")
    assert house.code("POST", "/v1/sign-in", json={"token": ADMINISTER}) == (401, "not_signed_in")


def test_a_key_of_some_streams_changes_no_other() -> None:
    house = House(*KEYS)
    assert house.code("PUT", "/v1/streams/eels/selection", OPERATE, json={"ensemble": "x"}) == (403, "not_authorised")
    assert house.code("PUT", "/v1/streams/eels/hold", OPERATE, json={}) == (403, "not_authorised")
    assert house.code("PUT", "/v1/streams/%65els/hold", OPERATE, json={}) == (403, "not_authorised")
    assert house.code("PUT", CHANGE, OPERATE, json={"ensemble": "x"})[0] not in (401, 403)
    assert house.code("GET", "/v1/streams/eels", OPERATE)[0] not in (401, 403)


def test_name_and_role_are_those_of_the_key_whatever_the_headers_say() -> None:
    house, seen = House(*KEYS), []

    @house.app.get("/who")
    async def who(caller: Reader) -> None:
        seen.append((caller.name, caller.role, caller.scopes))

    house.ask("GET", "/who", STEER, headers={"X-Elitscope-Author": "boss", "X-Elitscope-Role": "operator"})
    assert seen == [("pilot", "controller", {"read", "operate"})]


def test_while_the_keys_can_not_be_read_nobody_is_let_in() -> None:
    house = House(known=False)
    assert house.code("GET", "/metrics", READ) == house.code("POST", "/v1/sign-in", json={"token": READ}) == (503, "store_unavailable")
    assert house.ask("GET", "/healthz").status_code == 200


# ------------------------------------------------------------------------------------------------------- without keys


def test_without_keys_callers_name_themselves_and_may_do_everything() -> None:
    house, seen = House(required=False), []

    @house.app.get("/who")
    async def who(caller: Admin) -> None:
        seen.append((caller.name, caller.role))

    house.ask("GET", "/who")
    house.ask("GET", "/who", headers={"X-Elitscope-Author": "Ana Silva", "X-Elitscope-Role": "controller"})
    assert seen == [("anonymous", "operator"), ("Ana Silva", "controller")]


@pytest.mark.parametrize(
    "headers",
    [{"X-Elitscope-Author": text} for text in ("", " ", "a" * 65, "a\tb", "<b>", "a;b")] + [{"X-Elitscope-Role": "boss"}],
    ids=str,
)
def test_a_name_or_a_role_that_can_not_be_one_is_quoted(headers: dict[str, str]) -> None:
    response = House(required=False).ask("GET", "/metrics", headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "request_invalid")
    assert next(iter(headers)) in response.json()["detail"]


# ------------------------------------------------------------------------------------------------------------- cookies


def test_signing_in_gives_a_cookie_that_only_this_site_sends_and_no_script_reads() -> None:
    response = House(*KEYS).ask("POST", "/v1/sign-in", json={"token": OPERATE})
    assert response.json() == {"name": "operator", "role": "operator", "scopes": ["operate", "read"]}
    given = response.headers["set-cookie"].lower()
    assert given.startswith(NAME)
    assert {"httponly", "samesite=strict", "path=/"} <= set(given.split("; "))
    assert "secure" not in given
    assert OPERATE.lower().split("_", 2)[2] not in given


def test_under_tls_the_cookie_travels_by_tls_alone() -> None:
    page = {"Origin": "https://gpu-box", "Host": "gpu-box"}
    assert "Secure" in House(*KEYS).ask("POST", "/v1/sign-in", json={"token": READ}, headers=page).headers["set-cookie"]


def test_a_cookie_reads_and_changes_for_a_page_of_this_origin_alone() -> None:
    house = House(*KEYS)
    cookie = house.cookie(OPERATE)
    assert house.ask("GET", "/metrics", headers=cookie).status_code == 200
    assert house.code("PUT", CHANGE, headers={**cookie, "Origin": HERE}, json={"ensemble": "x"})[0] not in (401, 403)
    for origin in ({}, {"Origin": "http://127.0.0.1:9000"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert house.code("PUT", CHANGE, headers={**cookie, **origin}, json={"ensemble": "x"}) == (403, "host_not_allowed")


def test_a_cookie_ends_with_its_day_and_with_its_key() -> None:
    house = House(*KEYS)
    day, brief = house.cookie(READ), house.cookie(ADMINISTER)
    house.wall.now = NOW + 100
    assert (house.ask("GET", "/metrics", headers=day).status_code, house.ask("GET", "/metrics", headers=brief).status_code) == (200, 401)
    house.wall.now = NOW + LASTS_S
    assert house.code("GET", "/metrics", headers=day) == (401, "not_signed_in")


@pytest.mark.parametrize("change", ["other key", "longer", "other server", "cut", "nonsense"])
def test_a_cookie_that_was_tampered_with_opens_nothing(change: str) -> None:
    house = House(*KEYS)
    until = int(NOW) + LASTS_S
    good = Cookies(b"secret").value(READER.id, until)
    bad = {
        "other key": good.replace(READER.id, ADMIN.id),
        "longer": good.replace(str(until), str(until + 1)),
        "other server": Cookies(b"other").value(READER.id, until),
        "cut": good[:-1],
        "nonsense": "x",
    }[change]
    assert house.ask("GET", "/metrics", headers={"Cookie": f"{NAME}={good}"}).status_code == 200
    assert house.code("GET", "/metrics", headers={"Cookie": f"{NAME}={bad}"}) == (401, "not_signed_in")


def test_signing_out_has_the_browser_forget_the_cookie() -> None:
    house = House(*KEYS)
    response = house.ask("POST", "/v1/sign-out", headers={**house.cookie(READ), "Origin": HERE})
    assert response.status_code == 204
    assert "Max-Age=0" in response.headers["set-cookie"]


def test_a_wrong_token_signs_nobody_in_and_without_keys_nobody_has_to() -> None:
    assert House(*KEYS).code("POST", "/v1/sign-in", json={"token": "x"}) == (401, "not_signed_in")
    assert House(required=False).code("POST", "/v1/sign-in", json={"token": "x"}) == (422, "request_invalid")


# ------------------------------------------------------------------------------------------------------ hosts and origins


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9000", "http://localhost:8000", "https://gpu-box", "null"])
def test_a_page_of_another_origin_presses_nothing_even_without_keys(origin: str) -> None:
    for method, path in OPERATIONS:
        if method != "GET":
            assert House(required=False).code(method, path, headers={"Origin": origin}) == (403, "host_not_allowed")


def test_a_page_of_this_origin_may_press() -> None:
    assert House(required=False).code("PUT", CHANGE, headers={"Origin": HERE}, json={"ensemble": "x"})[0] != 403


@pytest.mark.parametrize(
    ("host", "keyless", "keyed"),
    [("127.0.0.1:8000", True, True), ("gpu-box:8000", True, True), ("10.0.0.7:8000", False, True), ("evil.example", False, False)],
)
def test_other_names_and_numbers_are_answered_to_where_they_are_known(host: str, keyless: bool, keyed: bool) -> None:
    assert (House(required=False).ask("GET", "/healthz", headers={"Host": host}).status_code == 200) is keyless
    assert (House(*KEYS).ask("GET", "/healthz", headers={"Host": host}).status_code == 200) is keyed


# ------------------------------------------------------------------------------------------------------------- how much


def test_a_caller_who_asks_too_often_has_to_wait_and_no_other_does() -> None:
    house = House(*KEYS, requests_per_s=2.0)
    codes = [house.ask("GET", "/metrics", READ).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 200, 429]
    refused = house.ask("GET", "/metrics", READ)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate_limited", "1")
    assert house.ask("GET", "/metrics", OPERATE).status_code == 200
    house.clock.now += 0.5
    assert [house.ask("GET", "/metrics", READ).status_code for _ in range(2)] == [200, 429]


def test_who_has_no_key_can_not_try_tokens_without_end() -> None:
    house = House(*KEYS, requests_per_s=1.0)
    assert [house.ask("GET", "/metrics", f"wrong-{i}").status_code for i in range(4)] == [401, 401, 429, 429]
    assert house.code("POST", "/v1/sign-in", json={"token": "x"}) == (429, "rate_limited")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_whether_its_length_is_announced_or_not(announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    house = House(required=False, body_bytes=1000)
    content = b" " * 1001 if announced else chunks()
    headers = {"Content-Type": "application/json"}
    assert house.code("PUT", CHANGE, content=content, headers=headers) == (413, "too_large")
    assert house.code("PUT", CHANGE, content=b" " * 1000, headers=headers)[0] != 413


def test_uploads_have_a_limit_of_their_own() -> None:
    house = House(required=False, body_bytes=10, upload_bytes=100)
    assert house.code("POST", "/v1/ensembles", content=b"x" * 101) == (413, "too_large")
    assert house.code("POST", "/v1/ensembles", content=b"x" * 100)[0] != 413
    assert house.code("POST", "/v1/ensembles/x/load", content=b"x" * 100) == (413, "too_large")


# -------------------------------------------------------------------------------------------------------- by real sockets


@contextmanager
def served(house: House) -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield wait_until(lambda: server.started and server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(120)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer elit_x"}, 401),
        ({"Authorization": f"Bearer {READ}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": f"Bearer {READ}", "Origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_a_websocket_comes_through_the_same_gate(headers: dict[str, str], status: int) -> None:
    with served(House(*KEYS)) as port, pytest.raises(InvalidStatus) as caught:
        connect(f"ws://127.0.0.1:{port}/v1/streams/haadf/live", additional_headers=headers, open_timeout=120)
    assert caught.value.response.status_code == status


def test_a_signed_in_page_gets_through_with_its_websocket() -> None:
    house = House(*KEYS)
    with served(house) as port, pytest.raises(InvalidStatus) as caught:
        headers = {**house.cookie(READ), "Origin": f"http://127.0.0.1:{port}"}
        connect(f"ws://127.0.0.1:{port}/v1/streams/haadf/live", additional_headers=headers, open_timeout=120)
    assert caught.value.response.status_code == 503, "the gate let it in; behind it, no engine was heard of yet"


def test_events_end_with_the_key_that_listens_to_them() -> None:
    house = House(*KEYS)
    heard = threading.Event()
    told = threading.Thread(target=tell_until, args=(house, heard))
    with served(house) as port, httpx.stream("GET", f"http://127.0.0.1:{port}/v1/events", headers=BEARER, timeout=60) as response:
        lines = response.iter_lines()
        told.start()
        assert next(line for line in lines if "before" in line)
        house.revoke(READER)
        heard.set()
        told.join()
        house.events.add({"event": "after"})
        assert not [line for line in lines if "after" in line]


def tell_until(house: House, heard: threading.Event) -> None:
    while not heard.wait(0.05):
        house.events.add({"event": "before"})


def test_a_websocket_ends_with_its_key() -> None:
    house, revoked = House(*KEYS), threading.Event()

    @house.app.websocket("/ticks")
    async def ticks(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("before")
        await asyncio.to_thread(revoked.wait, 120)
        await socket.send_text("after")

    with served(house) as port, connect(f"ws://127.0.0.1:{port}/ticks", additional_headers=BEARER, open_timeout=120) as socket:
        assert socket.recv(120) == "before"
        house.revoke(READER)
        revoked.set()
        with pytest.raises(ConnectionClosedError) as caught:
            socket.recv(120)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, "was revoked" in caught.value.rcvd.reason) == (1008, True)
