"""The commands as a user types them, against a running server."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.frames import dots, lattice
from tests.support.server import RunningServer, wait_until

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command, timeout=500):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module")
def shipped_server(tmp_path_factory):
    """A server with the ensemble that ships."""
    with RunningServer(data_dir=tmp_path_factory.mktemp("data")) as running:
        yield running


def test_stream_analyses_files_saves_results_and_draws_them(server, tmp_path):
    shape = (96, 104)
    np.save(tmp_path / "movie.npy", np.stack([dots(shape, lattice(shape), floor=0.1 * i) for i in range(3)]))
    np.save(tmp_path / "single.npy", (dots(shape, lattice(shape)) * 1000).astype(">u2"))
    out = run(
        BIN / "elitscope",
        "stream",
        tmp_path / "movie.npy",
        tmp_path / "single.npy",
        "--server",
        server.server,
        "--sampling",
        "0.1",
        "--save",
        tmp_path / "out.h5",
        "--plot",
        tmp_path / "plots",
        "--json",
    )
    assert out.returncode == 0, out.stderr
    summary = [json.loads(line) for line in out.stdout.splitlines()][-1]
    assert (summary["frames_sent"], summary["results"], summary["rejections"]) == (4, 4, 0)
    assert summary["atoms_per_frame"] == len(lattice(shape))
    assert len(list((tmp_path / "plots").glob("*.png"))) == 4
    with h5py.File(tmp_path / "out.h5") as file:
        found = []
        file.visit(found.append)
    assert sum(name.endswith("atoms") for name in found) == 4


def test_a_file_that_can_not_be_read_does_not_stop_the_others(server, tmp_path):
    np.save(tmp_path / "good.npy", dots((64, 64), lattice((64, 64))))
    (tmp_path / "bad.dm3").write_bytes(b"not a dm3")
    out = run(BIN / "elitscope", "stream", tmp_path / "bad.dm3", tmp_path / "good.npy", "--server", server.server, "--json")
    assert out.returncode == 1
    assert "bad.dm3" in out.stdout + out.stderr
    assert '"results": 1' in out.stdout


def test_simulate_sends_frames_whose_atoms_are_known(shipped_server, tmp_path):
    out = run(
        BIN / "elitscope",
        "simulate",
        "--lattice",
        "graphene",
        "--frames",
        "2",
        "--size",
        "192",
        "--server",
        shipped_server.server,
        "--json",
    )
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout.splitlines()[-1])["results"] == 2


def test_watch_status_and_ensembles_tell_what_is_going_on(server, tmp_path):
    np.save(tmp_path / "frame.npy", dots((64, 64), lattice((64, 64))))
    assert run(BIN / "elitscope", "stream", tmp_path / "frame.npy", "--server", server.server, "--stream", "seen", "--json").returncode == 0
    watched = run(BIN / "elitscope", "watch", "--publish", server.publish, "--once", "--json")
    assert watched.returncode == 0, watched.stderr
    assert "seen" in watched.stdout
    wait_until(lambda: '"ready": true' in run(BIN / "elitscope", "status", "--http", server.http, "--json").stdout)
    assert "toy" in run(BIN / "elitscope", "ensembles", "--http", server.http).stdout


def test_a_server_that_is_not_there_is_one_line_on_standard_error(tmp_path):
    np.save(tmp_path / "frame.npy", np.zeros((32, 32)))
    out = run(BIN / "elitscope", "stream", tmp_path / "frame.npy", "--server", "tcp://127.0.0.1:9", "--timeout", "1", "--json")
    assert out.returncode == 1
    assert "Traceback" not in out.stderr
    assert "nothing was heard" in out.stderr


def test_every_experimental_file_is_analysed_and_the_strange_ones_are_not_trusted(shipped_server, shared_data, tmp_path):
    files = sorted(path for path in (shared_data / "experimental").iterdir() if path.suffix in {".npy", ".png", ".tif", ".dm3"})
    out = run(BIN / "elitscope", "stream", *files, "--server", shipped_server.server, "--plot", tmp_path, "--json", timeout=500)
    assert out.returncode == 0, out.stderr
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    results = {line["frame"]: line for line in lines if line["event"] == "result"}
    assert len(results) == len(files)
    assert results["example_Se_implanted_MoS2"]["sampling"] == pytest.approx([0.12695, 0.12695], rel=1e-3)
    assert all(result["warnings"] for result in results.values())


def test_the_demo_runs_from_start_to_end(tmp_path):
    out = run(sys.executable, ROOT / "clients" / "examples" / "demo.py", "--report", tmp_path / "report", "--frames", "6", timeout=500)
    assert out.returncode == 0, out.stdout + out.stderr
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["frames_sent"] == summary["results"] + summary["rejections"] == 6
    assert set(summary["latency_ms"]) >= {"queue", "preprocess", "inference", "atoms", "total"}
    (change,) = summary["changes"]
    assert change["action"] == "deselect"
    assert 3 <= change["first_frame_id"] <= 5  # frames may have been under way
    assert len(change["after"]["members"]) == len(change["before"]["members"]) - 1
    assert "deselected over REST: revision 2 from the next frame on" in out.stdout
    assert len(list((tmp_path / "report").glob("*.png"))) == 6
    assert (tmp_path / "report" / "results.h5").stat().st_size > 0
