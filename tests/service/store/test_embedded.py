"""The embedded store in processes of its own: what it keeps, who may reach it, and when it ends."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from elitscope_service.config import load_config
from elitscope_service.processes import Child, start_child
from elitscope_service.store.connect import open_store, persistence_warning
from elitscope_service.store.embedded import EmbeddedStoreFailed, embedded_url, lock_folder, socket_path, store_folder

MODULE = "elitscope_service.store"


async def started(data_dir: Path) -> Child:
    child = await start_child(MODULE, load_config({"data_dir": data_dir}).model_dump_json())
    report = await child.report()
    assert report is not None and (report.kind, report.addresses) == ("ready", {"store": embedded_url(data_dir)}), report
    return child


def valkey(child: Child) -> psutil.Process:
    (found,) = psutil.Process(child.process.pid).children()
    return found


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(240.0):
            await scenario()

    asyncio.run(limited())


def test_what_was_answered_survives_a_kill_of_either_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        for number, victim in enumerate(("valkey", "its keeper", "nobody")):
            child = await started(tmp_path)
            with open_store(embedded_url(tmp_path)) as store:
                assert store.get("before") == (None if number == 0 else str(number - 1))
                assert persistence_warning(store) is None
                store.set("before", number)
            process = valkey(child)
            if victim == "valkey":
                process.kill()
                report = await child.report()
                assert report is not None and report.kind == "failed"
                await child.ended()
            elif victim == "its keeper":
                await child.kill()
            else:
                assert await child.stop(60.0)
            assert psutil.wait_procs([process], timeout=60)[1] == []

    run(scenario)


def test_only_this_user_can_reach_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = await started(tmp_path)
        path = socket_path(tmp_path)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not [connection for connection in valkey(child).net_connections("inet") if connection.status == "LISTEN"]
        assert await child.stop(60.0)

    run(scenario)


def test_two_servers_can_not_share_a_data_folder(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = await started(tmp_path)
        with pytest.raises(EmbeddedStoreFailed, match="used by another server"):
            await asyncio.to_thread(lock_folder, tmp_path, 0.1)
        assert await child.stop(60.0)

    run(scenario)


def test_a_data_folder_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        deep = tmp_path / ("long" * 30)
        child = await started(deep)
        assert not socket_path(deep).is_relative_to(deep)
        assert (store_folder(deep) / "appendonlydir").is_dir()
        with open_store(embedded_url(deep)) as store:
            assert store.ping()
        assert await child.stop(60.0)

    run(scenario)


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedStoreFailed, match=r"file.*--data-dir"):
        lock_folder(tmp_path / "file")
