"""The engine and the API as real processes under a parent: what each may import, what they report, how they end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from elitscope.messages import ResultMessage
from elitscope_service.child import Command
from elitscope_service.config import load_config
from elitscope_service.processes import Child, start_child
from elitscope_service.store.embedded import answering, lock_folder, start_embedded
from tests.service.builders import SESSION, frame
from tests.service.wire import Peer

ANYWHERE = "tcp://127.0.0.1:0"


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(240.0):
            await scenario()

    asyncio.run(limited())


def configuration(folder: Path, data: Path, **settings: Any) -> str:
    flags = {"bundles": (folder,), "data_dir": data, "bind": ANYWHERE, "publish": ANYWHERE, "http": "127.0.0.1:0", "device": "cpu"}
    return load_config({**flags, **settings}).model_dump_json()


async def ready(child: Child) -> dict[str, str]:
    """Its addresses, once it can be used."""
    while (report := await child.report()) is not None:
        if report.kind == "ready":
            return dict(report.addresses)
    raise AssertionError(f"it ended with {await child.ended()}")


def test_an_engine_and_an_api_meet_on_the_wire_and_stop_in_order(toy_folder: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        text = configuration(toy_folder, tmp_path)
        lock = lock_folder(tmp_path)
        store = await start_embedded(tmp_path, lock)
        await answering(tmp_path)
        engine, api = await asyncio.gather(start_child("elitscope_service.engine", text), start_child("elitscope_service.api", text))
        addresses, (http,) = await ready(engine), (await ready(api)).values()
        api.tell(Command("watch", address=addresses["publish"]))
        with Peer(addresses["bind"]).greet(SESSION) as peer:
            assert isinstance(peer.ask(frame()), ResultMessage)
        async with httpx.AsyncClient(base_url=http, timeout=60.0) as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            streams: list[dict[str, Any]] = []
            while not any(stream["outcomes"] for stream in streams):
                await asyncio.sleep(0.05)
                streams = (await client.get("/v1/streams")).json()["streams"]
        assert streams[0]["outcomes"] == {"result": 1}
        assert psutil.Process(engine.process.pid).children() == []
        assert await engine.stop(60.0)
        assert await api.stop(60.0)
        assert (engine.process.returncode, api.process.returncode) == (0, 0)
        store.terminate()
        await store.wait()
        os.close(lock)

    run(scenario)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ensemble": "gold"}, "there is no ensemble 'gold': there are toy"),
        ({"bundles": ("/nowhere",)}, "/nowhere is no folder"),
        ({"device": "cuda"}, "cuda"),
    ],
)
def test_an_engine_that_can_not_start_says_why(toy_folder: Path, tmp_path: Path, settings: dict[str, Any], why: str) -> None:
    async def scenario() -> None:
        engine = await start_child("elitscope_service.engine", configuration(toy_folder, tmp_path, **settings))
        reports = []
        while (report := await engine.report()) is not None:
            reports.append(report)
        assert reports[-1].kind == "failed"
        assert why in reports[-1].message
        assert await engine.ended() == 1

    run(scenario)


def test_an_api_whose_port_is_taken_says_so(toy_folder: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        api = await start_child("elitscope_service.api", configuration(toy_folder, tmp_path, http=f"127.0.0.1:{port}"))
        report = await api.report()
        assert report is not None
        assert report.kind == "failed"
        assert f"http 127.0.0.1:{port} can't be bound" in report.message
        assert await api.ended() == 1
        server.close()

    run(scenario)


def test_a_signal_drains_an_engine_as_a_command_does(toy_folder: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = await start_child("elitscope_service.engine", configuration(toy_folder, tmp_path))
        await ready(engine)
        engine.process.terminate()
        assert await engine.ended() == 0

    run(scenario)


def modules_of(module: str, *statements: str) -> set[str]:
    """What a fresh interpreter has imported after `module`."""
    code = "; ".join([*statements, f"import sys, json, {module}", "print(json.dumps(sorted(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_engine_imports_no_web_framework_and_the_api_no_inference() -> None:
    engine, api = modules_of("elitscope_service.engine.process"), modules_of("elitscope_service.api.__main__")
    assert not {"fastapi", "starlette", "uvicorn", "torch"} & engine
    assert not {"openvino", "onnxruntime", "onnx", "scipy", "torch"} & api
    assert not [name for name in api if name.startswith(("elitscope_service.engine", "elitscope_models.runtimes"))]
    assert not {f"elitscope_models.{name}" for name in ("analyse", "bundle", "ensemble", "loading")} & api
    assert not [name for name in engine if name.startswith("elitscope_service.api")]


def test_the_monitor_imports_neither_and_no_metrics_before_there_is_a_frame() -> None:
    waiting = modules_of("elitscope_service.monitor.process")
    looking = modules_of(
        "elitscope_service.monitor.process", "import elitscope_service.monitor.watching, elitscope_service.monitor.reporter"
    )
    assert not {"scipy", "cv2"} & waiting
    assert not {"fastapi", "starlette", "uvicorn", "openvino", "onnxruntime", "torch"} & looking
    assert not [name for name in looking if name.startswith(("elitscope_service.api", "elitscope_service.engine"))]


def test_the_parent_imports_neither() -> None:
    parent = modules_of("elitscope_service.app")
    assert not {"fastapi", "uvicorn", "openvino", "onnxruntime", "torch"} & parent


def test_no_library_of_the_engine_phones_its_maker() -> None:
    modules = modules_of("elitscope_models.runtimes.openvino")
    assert "openvino" in modules
    assert not [name for name in modules if name.startswith("openvino_telemetry.")]
