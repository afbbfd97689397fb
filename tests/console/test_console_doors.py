"""The console and keys: a token lets in, a read key presses nothing, and what goes out ends the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from elitscope import Client
from tests.console.browsing import opened
from tests.console.conftest import FRAMES
from tests.support.server import PATIENCE, RunningServer, wait_until

PROGRAM = Path(sys.executable).with_name("elitscope-server")


def make_key(data_dir, name, scope, *more):
    """A key's token."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ELITSCOPE_")}
    command = [str(part) for part in (PROGRAM, "keys", "create", name, "--scope", scope, *more, "--data-dir", data_dir, "--json")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment)
    return json.loads(made.stdout)["token"]


@pytest.fixture(scope="module")
def guarded(bundles, tmp_path_factory):
    """A server with a key to look, one to press, and a stream that has had frames."""
    data = tmp_path_factory.mktemp("guarded")
    tokens = {"look": make_key(data, "look", "read"), "press": make_key(data, "press", "operate")}
    key_file = tmp_path_factory.mktemp("keys") / "acquisition.key"
    make_key(data, "acquisition", "operate", "--file", key_file)
    with RunningServer("--bundles", bundles, "--ensemble", "toy", data_dir=data) as server:
        bearer = {"Authorization": f"Bearer {tokens['look']}"}
        wait_until(lambda: httpx.get(f"{server.http}/readyz", headers=bearer, timeout=PATIENCE).status_code == 200)
        with Client(server.server, stream="haadf", key=key_file, timeout=PATIENCE) as client:
            client.infer(FRAMES[0], sampling=0.1)
        yield server, tokens


def sign_in(console, token):
    console.page.get_by_label("Token").fill(token)
    console.page.get_by_role("button", name="Sign in").click()


def test_a_wrong_token_is_refused_in_words_and_a_right_one_lets_in_until_one_signs_out(browser, guarded):
    server, tokens = guarded
    with opened(browser, server.http) as console:
        sign_in(console, "elit_nonsense")
        expect(console.page.get_by_role("alert")).to_be_visible()
        expect(console.live).to_have_count(0)
        sign_in(console, tokens["press"])
        expect(console.page.get_by_test_id("who")).to_contain_text("press")
        expect(console.page.get_by_role("switch", name="Network 0 in use")).to_be_enabled()
        console.page.get_by_role("button", name="Sign out").click()
        expect(console.page.get_by_label("Token")).to_be_visible()
        console.page.reload()
        expect(console.page.get_by_label("Token")).to_be_visible()


def test_a_key_that_may_only_look_sees_everything_and_presses_nothing(browser, guarded):
    server, tokens = guarded
    with opened(browser, server.http) as console:
        sign_in(console, tokens["look"])
        expect(console.page.get_by_test_id("who")).to_contain_text("may look")
        expect(console.page.get_by_test_id("frame-members")).to_have_text("networks 0–3 of toy")
        for member in range(4):
            expect(console.page.get_by_role("switch", name=f"Network {member} in use")).to_be_disabled()
        for name in ("Undo", "Hold"):
            expect(console.page.get_by_role("button", name=name)).to_be_disabled()
        console.page.get_by_role("button", name="Look …").click()
        expect(console.page.get_by_test_id("ensemble-other").get_by_role("button", name="Use")).to_be_disabled()
        console.page.keyboard.press("Escape")
        for tab in ("Drift", "History", "Health"):
            console.tab(tab)
            expect(console.page.get_by_role("tabpanel")).to_be_visible()
