"""The whole server: starting, surviving, stopping."""

import signal
import threading

import httpx
import numpy as np
import psutil
import pytest

from elitscope import Client, Result
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer, wait_until

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)


def frames(count, pause=None):
    for i in range(count):
        yield FRAME + np.float32(i)
        if pause is not None:
            pause.wait(0.005)


def test_it_prints_one_line_and_stops_cleanly_on_sigterm(toy_bundles, tmp_path):
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        with Client(server.server, timeout=PATIENCE) as client:
            assert len(client.infer(FRAME, sampling=0.1).atoms) == len(lattice(SHAPE))
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert server.stop() == 0
        assert server.lines.empty()
        assert psutil.wait_procs(children, PATIENCE)[1] == []


def test_a_ready_server_says_so_over_http(server):
    assert httpx.get(f"{server.http}/healthz", timeout=PATIENCE).status_code == 200
    assert wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200)
    (ensemble,) = httpx.get(f"{server.http}/v1/ensembles", timeout=PATIENCE).json()["ensembles"]
    assert (ensemble["name"], ensemble["state"]) == ("toy", "ready")


def test_the_engine_killed_in_mid_stream_loses_and_doubles_no_frame(toy_bundles, tmp_path):
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server, Client(server.server, timeout=PATIENCE) as client:
        engine = server.child("engine")
        replies = []
        for reply in client.stream(frames(500), sampling=0.1):
            replies.append(reply)
            if len(replies) in (50, 200):
                server.child("engine").send_signal(signal.SIGKILL)
        assert [reply.frame_id for reply in replies] == list(range(500))
        assert all(isinstance(reply, Result) for reply in replies)
        assert len({reply.epoch for reply in replies}) == 3
        assert len({(reply.epoch, reply.sequence) for reply in replies}) == 500
        assert server.child("engine").pid != engine.pid


def test_the_api_killed_comes_back_and_frames_never_notice(toy_bundles, tmp_path):
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server, Client(server.server, timeout=PATIENCE) as client:
        wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200)
        api = server.child("api")
        stop = threading.Event()
        count = 0
        for reply in client.stream(frames(100, stop), sampling=0.1):
            assert isinstance(reply, Result)
            count += 1
            if count == 20:
                api.send_signal(signal.SIGKILL)
        assert count == 100
        server.wait_for_child("api", other_than=api.pid)

        def ready():
            try:
                return httpx.get(f"{server.http}/readyz", timeout=PATIENCE).status_code == 200
            except httpx.TransportError:
                return False

        assert wait_until(ready)


def test_no_child_outlives_a_killed_parent(toy_bundles, tmp_path):
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert len(children) >= 2
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert alive == []


def test_frames_under_way_are_answered_before_a_sigterm_ends_the_server(toy_bundles, tmp_path):
    drain = {"ELITSCOPE_DRAIN_S": str(PATIENCE / 2)}
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path, env=drain) as server, Client(server.server, timeout=PATIENCE) as client:
        big = np.tile(FRAME, (12, 12))
        answered = []
        sender = threading.Thread(target=lambda: answered.append(client.infer(big, sampling=0.1)))
        sender.start()

        def in_work():
            streams = httpx.get(f"{server.http}/v1/streams", timeout=PATIENCE).json()["streams"]
            return any(stream["queue_depth"] for stream in streams)

        wait_until(lambda: in_work() or answered)
        assert server.stop() == 0
        sender.join()
        assert len(answered) == 1


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        (["--bind", "udp://x"], "udp://x"),
        (["--bind", "tcp://0.0.0.0:5555"], "0.0.0.0"),
        (["--bundles", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--ensemble", "gold"], "gold"),
        (["--device", "tpu"], "tpu"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_configuration_that_can_not_work_ends_at_once_quoting_what_is_wrong(toy_bundles, tmp_path, arguments, quoted):
    import subprocess
    import sys
    from pathlib import Path

    bundles = [] if "--bundles" in arguments else ["--bundles", toy_bundles]
    command = [Path(sys.executable).parent / "elitscope-server", *bundles, "--data-dir", tmp_path]
    command += [] if "--bind" in arguments else ["--bind", "tcp://127.0.0.1:0"]
    command += ["--publish", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0", *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode not in (0, None)
    assert quoted in done.stderr
    assert "Traceback" not in done.stderr
