"""The automation scripts at work on a server: each does what its first lines say, and the audit log tells of it."""

import runpy
from pathlib import Path

import pytest

from elitscope import Controller, FrameInfo
from tests.support.bundles import make_bundle
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "examples"
SHAPE = (96, 104)
ODD = 3
"""The network that blurs too much to see narrow dots."""


@pytest.fixture(scope="module")
def automated(tmp_path_factory):
    """A server with an ensemble that has an odd network, and two ensembles for different samplings."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "fine", members=4, name="fine", blurs=(1.0, 1.1, 1.2, 2.5), sampling=0.1)
    make_bundle(folder / "coarse", members=2, name="coarse", sampling=0.2, sampling_range=(0.1, 0.4))
    with RunningServer("--bundles", folder, "--ensemble", "fine", data_dir=tmp_path_factory.mktemp("data")) as server:
        with Controller(server.http, timeout=PATIENCE) as control:
            control.load("coarse")
        yield server


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


def frame(width):
    """Dots of this width (px): wide ones every network sees, narrow ones all but the odd one."""
    return dots(SHAPE, lattice(SHAPE), sigma=width, floor=0.1)


def fog_comes_in(count):
    for index in range(count):
        yield frame(2.5 if index < 12 else 1.2), FrameInfo(sampling=(0.1, 0.1))


def changes_of(server, stream):
    with Controller(server.http, timeout=PATIENCE) as control:
        return [entry for entry in control.history(stream) if entry.applied and entry.after is not None]


def test_rising_uncertainty_takes_out_the_network_that_causes_it(automated, capsys):
    example("deselect_on_uncertainty")(automated.server, automated.http, fog_comes_in(60))
    (change,) = changes_of(automated, "watched")
    assert (change.action, change.author, change.role) == ("deselect", "deselect_on_uncertainty", "controller")
    assert change.after == ("fine", (0, 1, 2))
    assert f"network {ODD} differs most" in change.reason
    assert 12 < change.first_frame_id < 40
    assert "deselected from the next frame on" in capsys.readouterr().out


def test_an_operator_who_holds_the_stream_keeps_the_script_out(automated, capsys):
    with Controller(automated.http, author="ana", timeout=PATIENCE) as control:
        control.undo("watched")
        control.hold("watched", minutes=5, reason="looking myself")
        example("deselect_on_uncertainty")(automated.server, automated.http, fog_comes_in(40))
        assert "left as it is: ana holds stream 'watched'" in capsys.readouterr().out
        assert control.release("watched").active == (0, 1, 2, ODD)


def test_the_ensemble_follows_the_magnification(automated, capsys):
    samplings = [0.1, 0.1, 0.12, 0.2, 0.22, 0.1]
    frames = [(frame(2.0), FrameInfo(sampling=(sampling, sampling))) for sampling in samplings]
    example("switch_by_sampling")(automated.server, automated.http, frames)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("frame ")]
    assert [line.split(" by ")[1].split()[0] for line in lines] == ["fine", "fine", "fine", "coarse", "coarse", "fine"]
    back, there, first = changes_of(automated, "zooming")
    assert [change.after[0] for change in (first, there, back)] == ["fine", "coarse", "fine"]
    assert [change.first_frame_id for change in (first, there, back)] == [0, 3, 5]


def test_the_plan_steps_through_the_focus_and_drops_the_network_that_is_lost(automated, capsys):
    def expose(defocus):
        return frame(2.5 if defocus < 20 else 1.2), 0.1

    example("focus_series_plan")(automated.server, automated.http, expose, range(0, 50, 10))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "10", "20", "30", "40"]
    assert [line.split("networks_active ")[1] for line in lines] == ["[0, 1, 2, 3]"] * 3 + ["[0, 1, 2]"] * 2
    (change,) = changes_of(automated, "focus-series")
    assert (change.after, change.first_frame_id) == (("fine", (0, 1, 2)), 3)
