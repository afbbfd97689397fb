"""Ensembles come, get ready, are used and go while frames stream; what is broken or means harm costs its own call alone."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
import pytest

from elitscope import Client, Result
from tests.support import hostile
from tests.support.bundles import dot_network
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer, wait_until

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
SOUND = hostile.bundle_files(dot_network(1.5), "second")
LIMITS = {"ELITSCOPE_LIMITS__CHECK_S": "10", "ELITSCOPE_LIMITS__CHECK_BYTES": str(2 << 30)}


class Rest:
    """The calls that these tests make."""

    def __init__(self, server: RunningServer) -> None:
        self.http = httpx.Client(base_url=server.http, timeout=PATIENCE, headers={"X-Elitscope-Author": "ana"})

    def __enter__(self) -> Rest:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def upload(self, data: Any) -> httpx.Response:
        return self.outcome("POST", "/v1/ensembles", content=data, headers={"Content-Type": "application/zip"})

    def change(self, name: str, action: str) -> httpx.Response:
        return self.outcome("POST", f"/v1/ensembles/{name}/{action}")

    def delete(self, name: str) -> httpx.Response:
        return self.outcome("DELETE", f"/v1/ensembles/{name}")

    def use(self, name: str, stream: str = "default") -> httpx.Response:
        return self.outcome("PUT", f"/v1/streams/{stream}/selection", json={"ensemble": name})

    def outcome(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """The last word, asked for until it is there: checks have the lowest priority, and on a busy machine they wait for minutes."""
        named = {**(headers or {}), "Idempotency-Key": uuid4().hex}

        def last_word() -> httpx.Response | None:
            answer = self.http.request(method, path, headers=named, **options)
            return None if answer.status_code in (202, 504) else answer

        return wait_until(last_word, 5 * PATIENCE)

    def states(self) -> dict[str, str]:
        return {entry["name"]: entry["state"] for entry in self.http.get("/v1/ensembles").json()["ensembles"]}

    def audit(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.http.get("/v1/audit").json()["entries"]
        return entries


class Bystander:
    """A stream whose results must stay the same whatever happens around it."""

    def __init__(self, server: RunningServer) -> None:
        self._stop = threading.Event()
        self.replies: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(server.server,))

    def __enter__(self) -> Bystander:
        self._thread.start()
        wait_until(lambda: self.replies)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)

    def _run(self, address: str) -> None:
        with Client(address, stream="bystander", timeout=PATIENCE) as client:
            while not self._stop.is_set():
                self.replies.append(client.infer(FRAME, sampling=0.1))
                self._stop.wait(0.01)

    def check(self) -> None:
        """Every frame was answered by the same networks, with the same numbers under each of their plans: one by one, in one call."""
        first = self.replies[0]
        assert all(isinstance(reply, Result) for reply in self.replies)
        assert {(reply.ensemble, reply.members) for reply in self.replies} == {(first.ensemble, first.members)}
        firsts = {reply.plan: reply for reply in reversed(self.replies)}
        assert len(firsts) <= 2
        same = ((reply, firsts[reply.plan]) for reply in self.replies)
        assert all(np.array_equal(reply.mean, like.mean) and np.array_equal(reply.std, like.std) for reply, like in same)
        assert [reply.sequence for reply in self.replies] == list(range(first.sequence, first.sequence + len(self.replies)))


@pytest.fixture(scope="module")
def running(toy_bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path_factory.mktemp("data"), env=LIMITS) as server:
        wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200)
        yield server


@pytest.fixture
def rest(running: RunningServer) -> Iterator[Rest]:
    with Rest(running) as calls:
        yield calls


def uploads(server: RunningServer) -> Path:
    return server.log.parent / "bundles"


def test_an_ensemble_comes_gets_ready_is_used_and_goes(running: RunningServer, rest: Rest) -> None:
    answer = rest.upload(hostile.zipped(SOUND))
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/ensembles/second")
    assert (answer.json()["state"], answer.json()["uploaded"]) == ("on_disk", True)
    wait_until(lambda: rest.states() == {"second": "on_disk", "toy": "ready"})
    loaded = rest.change("second", "load")
    assert (loaded.status_code, loaded.json()["state"]) == (200, "ready")
    assert loaded.json()["plan"]
    wait_until(lambda: rest.states()["second"] == "ready")
    assert rest.use("second", "here").status_code == 200
    for answer in (rest.change("second", "unload"), rest.delete("second")):
        assert (answer.status_code, answer.json()["code"]) == (409, "ensemble_in_use")
        assert "here" in answer.json()["detail"]
    assert rest.use("toy", "here").status_code == 200
    assert rest.change("second", "unload").json()["state"] == "on_disk"
    assert rest.delete("second").status_code == 204
    wait_until(lambda: rest.states() == {"toy": "ready"})
    assert not (uploads(running) / "second").exists()
    done = [(entry["action"], entry["subject"], entry["author"], entry["outcome"]) for entry in rest.audit() if entry["subject"]]
    assert done[::-1] == [
        ("upload", "second", "ana", "applied"),
        ("load", "second", "ana", "applied"),
        ("unload", "second", "ana", "refused"),
        ("delete", "second", "ana", "refused"),
        ("unload", "second", "ana", "applied"),
        ("delete", "second", "ana", "applied"),
    ]


def named(name: str) -> bytes:
    """A manifest that gives itself another name."""
    return json.dumps({**json.loads(SOUND["manifest.json"]), "name": name}).encode()


BAD_UPLOADS = {
    "nothing": (b"", 422, "the body is empty"),
    "no zip": (b"\x80\x04\x95cos\nsystem\n", 422, "no zip file"),
    "cut off": (hostile.zipped(SOUND)[:-30], 422, "no zip file"),
    "a way out": (hostile.zipped({"../evil.onnx": b"x", **SOUND}), 422, "leads elsewhere"),
    "an absolute path": (hostile.zipped({"/etc/evil.onnx": b"x", **SOUND}), 422, "leads elsewhere"),
    "a link": (hostile.zipped_link(SOUND, "README", "/etc/passwd"), 422, "a link"),
    "a pickle inside": (hostile.zipped({**SOUND, "weights.pkl": b"x"}), 422, "is unknown"),
    "a bomb": (hostile.zipped({**SOUND, "member-01.onnx": bytes(64 << 20)}), 422, "times as many"),
    "no manifest": (hostile.zipped({"member-00.onnx": b"x"}), 422, "manifest.json is missing"),
    "a broken manifest": (hostile.zipped({**SOUND, "manifest.json": b"{"}), 422, "is not JSON"),
    "a wrong checksum": (hostile.zipped({**SOUND, hostile.MEMBER: dot_network(3.0)}), 422, "sha256 is"),
    "a member missing": (hostile.zipped({"manifest.json": SOUND["manifest.json"]}), 422, "missing"),
    "a name out of the folder": (hostile.zipped({**SOUND, "manifest.json": named("../x")}), 422, "name '../x'"),
    "a name that is taken": (hostile.zipped(hostile.bundle_files(dot_network(), "toy")), 409, "'toy' already"),
    "weights elsewhere": (hostile.zipped(hostile.bundle_files(hostile.weights_elsewhere())), 422, "stored outside the file"),
    "its own operator": (hostile.zipped(hostile.bundle_files(hostile.operator_of_its_own())), 422, "evil::Run"),
    "no network": (hostile.zipped(hostile.bundle_files(b"hello")), 422, "not an ONNX file"),
}

BAD_LOADS = {
    "a huge constant": (hostile.huge_constant(), "2 GiB"),
    "huge when run": (hostile.huge_when_run(), "2 GiB"),
    "huge on a large frame": (hostile.huge_when_run(1 << 10), "2 GiB"),
    "no probabilities": (hostile.not_probabilities(), "no probabilities"),
}


@pytest.mark.timeout(900)
def test_an_upload_that_is_broken_or_means_harm_is_refused_in_words_and_a_bystander_never_notices(
    running: RunningServer, rest: Rest
) -> None:
    before = rest.states()
    with Bystander(running) as bystander:
        for case, (data, status, words) in BAD_UPLOADS.items():
            answer = rest.upload(data)
            assert (case, answer.status_code) == (case, status), answer.text
            assert words in answer.json()["detail"], case
            assert answer.headers["content-type"] == "application/problem+json"
            assert str(uploads(running)) not in answer.json()["detail"] or status == 409, case
        wait_until(lambda: rest.states() == before)
        assert [path.name for path in uploads(running).rglob("*") if path.is_file()] == []
    bystander.check()


@pytest.mark.timeout(900)
def test_a_load_that_means_harm_fails_in_words_and_a_bystander_never_notices(running: RunningServer, rest: Rest) -> None:
    before, engine = rest.states(), running.child("engine").pid
    with Bystander(running) as bystander:
        for case, (network, words) in BAD_LOADS.items():
            assert rest.upload(hostile.zipped(hostile.bundle_files(network))).status_code == 201, case
            answer = rest.change("bad", "load")
            assert (case, answer.status_code, answer.json()["code"]) == (case, 422, "bundle_invalid"), answer.text
            assert words in answer.json()["detail"], case
            wait_until(lambda: rest.states() == {**before, "bad": "failed"})
            assert rest.http.get("/v1/ensembles/bad").json()["why"]
            assert rest.use("bad").json()["code"] == "ensemble_unavailable"
            assert rest.delete("bad").status_code == 204
        wait_until(lambda: rest.states() == before)
    bystander.check()
    assert running.child("engine").pid == engine


def test_a_load_that_never_ends_is_answered_in_between_and_ended(running: RunningServer, rest: Rest) -> None:
    assert rest.upload(hostile.zipped(hostile.bundle_files(hostile.never_ending(), "patient"))).status_code == 201
    with Bystander(running) as bystander:
        once = {"params": {"wait_s": 1}, "headers": {"Idempotency-Key": "once"}}
        answer = wait_until(lambda: (said := rest.http.post("/v1/ensembles/patient/load", **once)).status_code != 504 and said)
        assert (answer.status_code, answer.json()["state"]) == (202, "loading")
        wait_until(lambda: rest.states()["patient"] == "loading")
        for refused in (rest.change("patient", "unload"), rest.delete("patient")):
            assert (refused.status_code, refused.json()["code"]) == (409, "ensemble_in_use")
            assert "is being loaded" in refused.json()["detail"]
        wait_until(lambda: rest.states()["patient"] == "failed")  # it has to wait for the processor, then is ended
    bystander.check()
    assert "was not done after" in rest.http.get("/v1/ensembles/patient").json()["why"]
    assert rest.delete("patient").status_code == 204


def test_what_is_not_there_or_was_not_uploaded_is_said_so(rest: Rest) -> None:
    for answer in (rest.change("gold", "load"), rest.change("gold", "unload"), rest.delete("gold"), rest.http.get("/v1/ensembles/gold")):
        assert (answer.status_code, answer.json()["code"]) == (404, "ensemble_unknown")
        assert "toy" in answer.json()["detail"]
    rest.use("toy", "default")
    answer = rest.delete("toy")
    assert (answer.status_code, answer.json()["code"]) == (409, "ensemble_in_use")


def test_an_engine_killed_in_mid_load_comes_back_says_so_and_loads_what_was_loaded(toy_bundles: Path, tmp_path: Path) -> None:
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path, env=LIMITS) as server, Rest(server) as rest:
        wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200)
        assert rest.upload(hostile.zipped(SOUND)).status_code == 201
        assert rest.change("second", "load").json()["state"] == "ready"
        assert rest.upload(hostile.zipped(hostile.bundle_files(hostile.never_ending(), "patient"))).status_code == 201
        engine = server.child("engine")
        answers: list[httpx.Response] = []
        with Bystander(server) as bystander:
            asking = threading.Thread(target=lambda: answers.append(rest.change("patient", "load")))
            asking.start()
            (trial,) = wait_until(lambda: [child for child in engine.children() if "trial_child" in " ".join(child.cmdline())])
            engine.send_signal(signal.SIGKILL)
            server.wait_for_child("engine", other_than=engine.pid)
            asking.join(PATIENCE)
        assert all(isinstance(reply, Result) for reply in bystander.replies)
        assert (answers[0].status_code, answers[0].json()["code"]) == (409, "ensemble_unavailable")
        assert "the engine ended in the middle of it" in answers[0].json()["detail"]
        assert psutil.wait_procs([trial], PATIENCE)[1] == []
        wait_until(lambda: rest.states() == {"patient": "on_disk", "second": "ready", "toy": "ready"})
        assert rest.use("second").status_code == 200
