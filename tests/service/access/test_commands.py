"""`elitscope-server keys`, with a store that runs and one that does not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from elitscope.keyfile import KeyFile
from elitscope_service.access.commands import main
from elitscope_service.access.last_known import read_last_known
from elitscope_service.access.pair import server_pair
from elitscope_service.store.embedded import socket_path
from tests.support.stores import StoreServer

NOW = 1e9


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ELITSCOPE_"):
            monkeypatch.delenv(name)


class Desk:
    """Runs the command for one data folder."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capfd = folder, capfd

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main([*words, "--data-dir", str(self.folder)], wall=lambda: NOW)
        return code, *self._capfd.readouterr()

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path / "data", capfd)


def test_help_says_how_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["create", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "--expires" in out


def test_a_token_is_shown_once_and_kept_nowhere(desk: Desk) -> None:
    made = desk.json("create", "ana", "--scope", "admin", "--expires", "30d")
    assert (made["name"], made["scope"], made["role"], made["expires_at"]) == ("ana", "admin", "operator", NOW + 30 * 86400)
    secret = made["token"].split("_")[2].encode()
    kept = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert len(kept) >= 3
    assert not [path for path in kept if secret in path.read_bytes()]


def test_a_key_file_holds_all_that_a_client_needs_and_is_its_owners_alone(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "acquisition.key"
    made = desk.json("create", "acquisition", "--scope", "operate", "--streams", "haadf", "eels", "--file", str(path))
    key = KeyFile.read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (key.name, key.public_key, made["token"], made["streams"]) == ("acquisition", made["curve_public"], None, ["haadf", "eels"])
    assert key.server_key == made["server_key"] == server_pair(desk.folder).public_key
    ring = read_last_known(desk.folder)
    assert ring is not None
    assert ring.by_token(key.token, NOW).name == "acquisition"


def test_a_key_file_is_never_overwritten(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "old.key"
    path.write_text("precious")
    code, _, err = desk.run("create", "ana", "--file", str(path))
    assert (code, path.read_text()) == (1, "precious")
    assert f"{path} exists" in err
    assert desk.json("list")["keys"] == []


def test_a_key_file_can_be_printed_for_somewhere_else(desk: Desk) -> None:
    code, out, _ = desk.run("create", "ana", "--file", "-")
    assert code == 0
    assert KeyFile.loads(out).name == "ana"


def test_the_holder_can_keep_the_secret_half_to_themselves(desk: Desk) -> None:
    public = server_pair(desk.folder / "elsewhere").public_key
    assert desk.json("create", "ana", "--public-key", public)["curve_public"] == public


def test_the_list_tells_what_every_key_may_and_the_servers_own_public_key(desk: Desk) -> None:
    desk.run("create", "ana")
    desk.run("create", "pilot", "--scope", "operate", "--role", "controller", "--streams", "haadf", "--expires", "2099-01-01")
    desk.run("revoke", "ana")
    _, out, _ = desk.run()
    assert f"server key: {server_pair(desk.folder).public_key}" in out
    assert "ana                      revoked  read, operator, any stream, REST alone, never expires" in out
    assert "pilot                    valid    operate, controller, streams haadf, REST alone, expires 2099-01-01 00:00 UTC" in out


def test_the_copy_knows_of_every_change_at_once(desk: Desk) -> None:
    desk.run("create", "ana")
    desk.run("revoke", "ana")
    ring = read_last_known(desk.folder)
    assert ring is not None
    assert [(key.name, key.revoked_at) for key in ring.keys] == [("ana", NOW)]


def test_a_store_that_runs_is_used_and_left_running(desk: Desk) -> None:
    with StoreServer("embedded", desk.folder) as store:
        desk.run("create", "ana")
        client = store.client()
        assert list(client.hkeys("elitscope:api-keys")) == ["ana"]
        client.close()


def test_a_redis_by_name_is_used_instead_of_the_embedded_one(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoreServer("redis", tmp_path / "redis") as store:
        monkeypatch.setenv("ELITSCOPE_REDIS_URL", store.url)
        desk.run("create", "ana")
        client = store.client()
        assert list(client.hkeys("elitscope:api-keys")) == ["ana"]
        client.close()
    assert not socket_path(desk.folder).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["revoke", "bob"], "there is no key 'bob'"),
        (["create", "a/b"], "'a/b' is no name"),
        (["create", "ana", "--streams", "HAADF"], "stream 'HAADF' must match"),
        (["create", "ana", "--expires", "soon"], "--expires 'soon' is neither a span"),
        (["create", "ana", "--expires", "2001-01-01"], "expired already"),
        (["create", "ana", "--public-key", "x"], "--public-key 'x' is no CURVE public key"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(words: list[str], message: str, desk: Desk) -> None:
    code, out, err = desk.run(*words)
    assert (code, out) == (1, "")
    assert message in err
