"""The operator's commands on a running server: what they change is what the next frame is analysed with."""

import itertools
import json

import numpy as np
import pytest

from elitscope import Client, Controller
from elitscope.cli import main
from tests.support.bundles import make_bundle
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def operated(tmp_path_factory):
    """A server with one ensemble of three networks, and another one to upload."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "served" / "toy", members=3)
    make_bundle(folder / "later", members=2, name="later")
    with RunningServer("--bundles", folder / "served", data_dir=tmp_path_factory.mktemp("data")) as server:
        yield server, folder / "later"


@pytest.fixture
def elitscope(operated, capsys):
    """Runs a command line on the server: gives the exit code, what it printed and what it complained of."""

    def run(*words):
        code = main([*map(str, words), "--http", operated[0].http])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_an_operator_at_work(operated, elitscope):
    server, later = operated
    with Client(server.server, stream="haadf", outputs=("atoms",), timeout=PATIENCE) as client:
        stream = ("--stream", "haadf")
        assert client.infer(FRAME, sampling=0.1).members == (0, 1, 2)
        assert elitscope("deselect", 1, *stream, "--reason", "fog") == (0, "haadf: toy, networks 0, 2 (not 1), revision 2\n", "")
        assert client.infer(FRAME, sampling=0.1).members == (0, 2)
        assert elitscope("only", 1, *stream)[0] == 0
        assert client.infer(FRAME, sampling=0.1).members == (1,)

        code, _, complaint = elitscope("deselect", 1, *stream)
        assert (code, complaint.count("\n")) == (3, 1)
        assert "at least 1 must" in complaint

        assert elitscope("undo", *stream)[0] == 0
        assert elitscope("select", "all", *stream)[0] == 0
        assert client.infer(FRAME, sampling=0.1).members == (0, 1, 2)

        assert elitscope("ensembles", "upload", later)[:2] == (0, "later: on_disk\n")
        assert elitscope("use", "later", *stream)[0] == 3
        assert elitscope("ensembles", "load", "later")[:2] == (0, "later: ready\n")
        assert elitscope("use", "later", *stream)[0] == 0
        assert client.infer(FRAME, sampling=0.1).ensemble == "later"
        assert elitscope("ensembles", "unload", "later")[0] == 3
        assert elitscope("use", "toy", *stream)[0] == 0
        assert client.infer(FRAME, sampling=0.1).ensemble == "toy"
        assert elitscope("ensembles", "delete", "later")[0] == 0

    members = json.loads(elitscope("members", *stream, "--json")[1])
    assert [(member["id"], member["active"]) for member in members] == [(0, True), (1, True), (2, True)]
    history = json.loads(elitscope("history", *stream, "--json")[1])
    told = [(entry["action"], entry["outcome"], entry["first_frame_id"]) for entry in reversed(history)]
    assert told[:2] == [("deselect", "applied", 1), ("only", "applied", 2)]
    assert ("deselect", "refused", None) in told
    assert [action for action, outcome, _ in told if outcome == "applied"] == ["deselect", "only", "undo", "only", "use", "use"]


def test_a_hold_keeps_programs_out_until_it_is_released(operated, elitscope):
    server, _ = operated
    with Client(server.server, stream="held", outputs=("atoms",), timeout=PATIENCE) as client:
        client.infer(FRAME, sampling=0.1)
    stream = ("--stream", "held")
    code, out, _ = elitscope("hold", *stream, "--minutes", 5, "--reason", "aligning")
    assert (code, "held by" in out, "until" in out) == (0, True, True)
    with Controller(server.http, author="robot", role="controller", timeout=PATIENCE) as robot:
        with pytest.raises(Exception, match="aligning") as refused:
            robot.deselect("held", 0)
        assert refused.value.code == "held"
        assert elitscope("deselect", 0, *stream)[0] == 0
        assert elitscope("release", *stream)[0] == 0
        assert robot.select("held", 0).hold is None


def test_events_tell_of_a_change_and_of_its_first_frame(operated):
    server, _ = operated
    with (
        Client(server.server, stream="heard", outputs=("atoms",), timeout=PATIENCE) as client,
        Controller(server.http, timeout=PATIENCE) as control,
    ):
        client.infer(FRAME, sampling=0.1)
        events = control.events("heard")
        assert next(events).name == "open"
        with Controller(server.http, timeout=PATIENCE) as other:
            changed = other.only("heard", [0, 2])
        analysed = client.infer(FRAME, sampling=0.1)
        # what came into force before may be told late, and the drift monitor may have something to say
        about = (event for event in events if event.body.get("revision") == changed.revision)
        told = {event.name: event.body for event in itertools.islice(about, 2)}
        events.close()
    assert (told["selection"]["revision"], told["selection"]["members"]) == (changed.revision, [0, 2])
    assert (told["selection_in_force"]["revision"], told["selection_in_force"]["frame_id"]) == (changed.revision, analysed.frame_id)
