"""Reaching the store: what is said when it does not answer, and what is said of its promises."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import redis

from elitscope.errors import CODES
from elitscope_service.config import ConfigInvalid, load_config
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import (
    StoreUnavailable,
    open_async_store,
    open_store,
    persistence_warning,
    shown,
    store_errors,
    with_password,
)
from tests.support.stores import StoreServer


def test_a_store_that_is_not_there_is_unavailable_and_nothing_else(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailable, match="does not answer") as caught,
        store_errors(),
        open_store(f"unix://{tmp_path}/no.sock") as store,
    ):
        store.ping()
    assert CODES[caught.value.code].http_status == 503


def test_it_is_the_same_for_asyncio(tmp_path: Path) -> None:
    async def ask() -> None:
        async with open_async_store(f"unix://{tmp_path}/no.sock") as store:
            with store_errors():
                await store.get("anything")

    with pytest.raises(StoreUnavailable):
        asyncio.run(ask())


def test_a_lost_race_is_no_failure_of_the_store() -> None:
    with pytest.raises(redis.WatchError), store_errors():
        raise redis.WatchError


def test_a_command_whose_answer_is_lost_is_not_sent_again(store_server: StoreServer, store: Any) -> None:
    impatient = redis.Redis.from_url(store_server.url, socket_timeout=0.3, retry=open_store(store_server.url).get_retry())
    store.execute_command("CLIENT", "PAUSE", "600000", "WRITE")
    try:
        with pytest.raises(redis.TimeoutError):
            impatient.rpush("list", "once")
    finally:
        store.execute_command("CLIENT", "UNPAUSE")
    impatient.close()
    assert store.llen("list") <= 1


def test_answers_are_text(store: Any) -> None:
    store.set("name", "Å")
    assert store.get("name") == "Å"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"appendfsync": "everysec"}, "syncs its file everysec"),
        ({"appendonly": "no", "save": "60 1"}, "snapshots only"),
        ({"appendonly": "no"}, "keeps nothing on disk"),
    ],
)
def test_a_store_that_forgets_is_warned_of(tmp_path: Path, settings: dict[str, str], words: str | None) -> None:
    with StoreServer("redis", tmp_path, **settings) as server, server.client() as client:
        warning = persistence_warning(client)
    assert (warning is None) if words is None else (warning is not None and words in warning)


def test_a_password_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s/e@c:ret\n")
    config = load_config({"redis_url": "redis://box:6379/0", "redis_password_file": file})
    assert store_url(config) == "redis://:s%2Fe%40c%3Aret@box:6379/0"
    assert open_store(store_url(config)).connection_pool.connection_kwargs["password"] == "s/e@c:ret"
    with StoreServer("redis", tmp_path / "data", requirepass="s/e@c:ret") as server:
        with pytest.raises(StoreUnavailable), store_errors(), server.client() as stranger:
            stranger.get("anything")
        with open_store(f"unix://:s%2Fe%40c%3Aret@{server.url.removeprefix('unix://')}") as known:
            assert known.ping()


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    config = load_config({"redis_url": "redis://box", "redis_password_file": tmp_path / "none"})
    with pytest.raises(ConfigInvalid, match="none"):
        store_url(config)
    assert with_password("redis://box", None) == "redis://box"


def test_a_url_of_another_kind_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigInvalid, match="box:1") as caught:
        load_config({"redis_url": "http://:secret@box:1"})
    assert "secret" not in str(caught.value)
    assert "secret" not in shown("redis://me:secret@box:6379/0?x=secret")
