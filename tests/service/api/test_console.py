"""The console's files as the server sends them: without a key, by name alone, in words where there are none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from elitscope_service.access.key import make_key
from elitscope_service.access.keyring import Keyring
from elitscope_service.api.application import create_app
from elitscope_service.api.console import Console
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.api.gate import Doors
from tests.service.builders import Clock

PAGE, SCRIPT = "<!doctype html><title>elitscope</title>", "console.log(1)"
READER, TOKEN = make_key("reader", 0.0)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "assets" / "index-1a2b.js").write_text(SCRIPT)
    (tmp_path / "secret").write_text("not of the console")
    return tmp_path


def ask(folder: Path, method: str, path: str, keys: bool = True, **options: Any) -> httpx.Response:
    doors = Doors(lambda: Keyring((READER,) if keys else (), required=keys), wall=Clock(1.0))
    clock = Clock()
    app = create_app(EngineView(clock), "0", Feed(clock), EventLog("run"), doors, pages=Console.read(folder))

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asked())


def test_the_page_comes_without_a_key_and_may_talk_to_this_server_alone(built: Path) -> None:
    answer = ask(built, "GET", "/")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, PAGE, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert ask(built, "HEAD", "/").text == ""


def test_the_page_is_asked_for_anew_and_its_files_are_kept(built: Path) -> None:
    page, script = ask(built, "GET", "/"), ask(built, "GET", "/assets/index-1a2b.js")
    assert page.headers["cache-control"] == "no-cache"
    assert (script.text, script.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert "immutable" in script.headers["cache-control"]
    assert ask(built, "GET", "/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("name", ["secret", "..%2Fsecret", "%2e%2e/secret", "index.html", ""])
def test_no_name_leads_to_another_file(built: Path, name: str) -> None:
    answer = ask(built, "GET", f"/assets/{name}", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_server_without_a_console_says_how_to_make_one(tmp_path: Path) -> None:
    answer = ask(tmp_path, "GET", "/")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert "make console" in answer.text


def test_everything_else_still_needs_a_key(built: Path) -> None:
    assert ask(built, "GET", "/v1/caller").status_code == 401
    assert ask(built, "GET", "/assets").status_code == 401


def test_a_caller_hears_who_they_are(built: Path) -> None:
    assert ask(built, "GET", "/v1/caller", headers=BEARER).json() == {
        "name": "reader",
        "role": "operator",
        "scopes": ["read"],
        "keys": True,
    }
    loopback = ask(built, "GET", "/v1/caller", keys=False, headers={"X-Elitscope-Author": "ana"}).json()
    assert loopback == {"name": "ana", "role": "operator", "scopes": ["admin", "operate", "read"], "keys": False}
