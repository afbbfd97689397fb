"""Selections over REST while frames stream, with every process that can die dying in between."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import redis

from elitscope import Client, Result
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer, wait_until
from tests.support.stores import StoreServer

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
OF_THE_MONITOR = ("elitscope:drift:", "elitscope:recommendation:", "elitscope:watch:", "elitscope:told")


class Control:
    """REST as a person would use it; asked again while a process is on its way back."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._headers = {"X-Elitscope-Author": "ana"}

    def once(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        return httpx.request(method, f"{self._server.http}/v1{path}", headers=headers, timeout=PATIENCE, **options)

    def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The document of a good answer."""

        def good() -> httpx.Response | None:
            try:
                answer = self.once(method, path, **options)
            except httpx.TransportError:
                return None
            return answer if answer.status_code == 200 else None

        document: dict[str, Any] = wait_until(good).json()
        return document

    def selection(self, stream: str = "haadf") -> dict[str, Any]:
        return self.ask("GET", f"/streams/{stream}/selection")

    def deselect(self, *members: int, **options: Any) -> dict[str, Any]:
        body = {"deselect": list(members), "reason": "fog"}
        return self.ask("PATCH", "/streams/haadf/selection", json=body, **options)


def active(selection: dict[str, Any]) -> tuple[int, ...]:
    return tuple(member["id"] for member in selection["members"] if member["active"])


class Streaming:
    """A client that streams frames in a thread until it is told to stop. Every reply is kept."""

    def __init__(self, address: str) -> None:
        self.replies: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(address,))

    def __enter__(self) -> Streaming:
        self._thread.start()
        self.goes_on(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def goes_on(self, frames: int = 3) -> None:
        """So many more frames are answered."""
        end = len(self.replies) + frames
        wait_until(lambda: len(self.replies) >= end)

    def reaches(self, revision: int) -> None:
        """Frames are answered under it: those that come in later than its acknowledgement may have been analysed before."""
        wait_until(lambda: self.replies[-1].revision >= revision)

    def _run(self, address: str) -> None:
        with Client(address, stream="haadf", timeout=PATIENCE) as client:
            for reply in client.stream(self._frames(), sampling=0.1):
                self.replies.append(reply)

    def _frames(self) -> Iterator[np.ndarray]:
        number = 0
        while not self._stop.wait(0.02):
            yield FRAME + np.float32(number % 50)
            number += 1


def store_process(server: RunningServer) -> psutil.Process:
    (found,) = [c for c in psutil.Process(server.process.pid).children(recursive=True) if c.name() == "valkey-server"]
    return found


def test_a_change_holds_from_the_next_frame_on_and_the_audit_says_which(toy_bundles: Path, tmp_path: Path) -> None:
    with (
        RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server,
        Client(server.server, stream="haadf", timeout=PATIENCE) as client,
    ):
        control = Control(server)
        assert client.infer(FRAME, sampling=0.1).members == (0, 1, 2)
        changed = control.deselect(1)
        assert (active(changed), changed["author"], changed["reason"]) == ((0, 2), "ana", "fog")
        result = client.infer(FRAME, sampling=0.1)
        assert (result.members, result.revision) == ((0, 2), changed["revision"])
        wait_until(lambda: control.selection()["first_frame_id"] == result.frame_id)
        (entry,) = control.ask("GET", "/audit", params={"stream": "haadf"})["entries"]
        assert (entry["action"], entry["author"], entry["reason"], entry["outcome"]) == ("deselect", "ana", "fog", "applied")
        assert (entry["before"]["members"], entry["after"]["members"]) == ([0, 1, 2], [0, 2])
        assert entry["first_frame_id"] == result.frame_id
        assert active(control.ask("POST", "/streams/haadf/selection/undo")) == (0, 1, 2)
        assert client.infer(FRAME, sampling=0.1).members == (0, 1, 2)


def test_selection_and_audit_survive_the_end_of_any_process_while_frames_stream(toy_bundles: Path, tmp_path: Path) -> None:
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        control = Control(server)
        with Streaming(server.server) as stream:
            revision = control.deselect(1)["revision"]
            stream.reaches(revision)
            for kill in (
                lambda: store_process(server).send_signal(signal.SIGKILL),
                lambda: server.child("store").send_signal(signal.SIGKILL),
                lambda: server.child("api").send_signal(signal.SIGKILL),
                lambda: server.child("engine").send_signal(signal.SIGKILL),
            ):
                kill()
                stream.goes_on()
                selection = control.selection()
                assert (active(selection), selection["revision"]) == ((0, 2), revision)
            changed = control.deselect(2, headers={"Idempotency-Key": "after-all-of-it"})
            assert active(changed) == (0,)
            stream.reaches(changed["revision"])
        assert all(isinstance(reply, Result) for reply in stream.replies)
        assert [reply.frame_id for reply in stream.replies] == list(range(len(stream.replies)))
        under = {reply.revision: reply.members for reply in stream.replies}
        assert under == {1: (0, 1, 2), revision: (0, 2), changed["revision"]: (0,)}
        revisions = [reply.revision for reply in stream.replies]
        assert revisions == sorted(revisions)
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        control = Control(server)
        selection = control.selection()
        assert (active(selection), selection["revision"], selection["author"]) == ((0,), changed["revision"], "ana")
        entries = control.ask("GET", "/audit")["entries"]
        assert [(entry["action"], entry["revision"]) for entry in entries] == [("deselect", changed["revision"]), ("deselect", revision)]
        with Client(server.server, stream="haadf", timeout=PATIENCE) as client:
            assert client.infer(FRAME, sampling=0.1).members == (0,)


def test_with_the_store_down_frames_flow_and_changes_wait_and_with_it_back_all_is_as_before(toy_bundles: Path, tmp_path: Path) -> None:
    with StoreServer("redis", tmp_path / "redis") as store:
        environment = {"ELITSCOPE_REDIS_URL": store.url}
        with RunningServer("--bundles", toy_bundles, data_dir=tmp_path / "data", env=environment) as server:
            control = Control(server)
            with Streaming(server.server) as stream:
                revision = control.deselect(1)["revision"]
                store.kill()
                stream.goes_on(20)
                for method, path, body in (
                    ("GET", "/streams/haadf/selection", None),
                    ("PATCH", "/streams/haadf/selection", {"deselect": [0]}),
                    ("PUT", "/streams/haadf/hold", {}),
                    ("GET", "/audit", None),
                ):
                    answer = control.once(method, path, json=body)
                    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), (method, path, answer.text)
                ready = wait_until(lambda: (r := httpx.get(f"{server.http}/readyz", timeout=PATIENCE)).status_code == 503 and r)
                assert ready.json()["code"] == "not_ready" and "store" in ready.json()["detail"]
                server.child("engine").send_signal(signal.SIGKILL)
                stream.goes_on(20)
                store.start()
                selection = control.selection()
                assert (active(selection), selection["revision"]) == ((0, 2), revision)
                assert active(control.deselect(0)) == (2,)
            assert all(isinstance(reply, Result) for reply in stream.replies)
            assert {reply.members for reply in stream.replies[-1:]} <= {(0, 2), (2,)}
            assert len(control.ask("GET", "/audit")["entries"]) == 2


def test_frames_ask_the_store_nothing(toy_bundles: Path, tmp_path: Path) -> None:
    """What the server reads twice a second it reads without frames too; no command comes as often as frames, and none writes but the drift
    monitor's, which is not on their way and writes at a rate of its own."""
    writing = {"set", "del", "hset", "hsetnx", "hdel", "xadd", "lpush", "rpush", "lpop", "sadd", "srem", "publish", "multi", "exec"}
    with StoreServer("redis", tmp_path / "redis") as store:
        environment = {"ELITSCOPE_REDIS_URL": store.url}
        with RunningServer("--bundles", toy_bundles, data_dir=tmp_path / "data", env=environment) as server:
            control = Control(server)
            with Client(server.server, stream="haadf", timeout=PATIENCE) as client:
                client.infer(FRAME, sampling=0.1)
                wait_until(lambda: control.selection()["first_frame_id"] is not None)
                with redis.Redis.from_url(store.url, decode_responses=True) as watcher, watcher.monitor() as monitor:
                    begun = time.monotonic()
                    for reply in client.stream((FRAME + np.float32(i) for i in range(400)), sampling=0.1):
                        assert isinstance(reply, Result)
                    watcher.set("the-end", 1)
                    seconds = time.monotonic() - begun
                    seen = []
                    for command in monitor.listen():
                        if "the-end" in command["command"]:
                            break
                        seen.append(command["command"])
    names = [command.split()[0].lower() for command in seen]
    by_others = [name for name, command in zip(names, seen, strict=True) if not any(key in command for key in OF_THE_MONITOR)]
    assert not set(by_others) & writing
    assert max(Counter(names).values()) < max(400, 20 * seconds)  # on a machine that takes minutes for them, time makes more than frames


@pytest.mark.parametrize("signals", [signal.SIGTERM, signal.SIGKILL])
def test_the_store_ends_with_its_server(toy_bundles: Path, tmp_path: Path, signals: int) -> None:
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        store = store_process(server)
        server.process.send_signal(signals)
        server.process.wait(PATIENCE)
        assert psutil.wait_procs([store], timeout=PATIENCE)[1] == []
