"""The example scripts do what their first lines say."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from elitscope.files import ResultWriter
from elitscope.messages import FrameMessage, Reject, ResultMessage
from elitscope.types import FrameInfo
from tests.client.analysed import a_result
from tests.support.scripted_server import ScriptedServer

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


def answering(message):
    if not isinstance(message, FrameMessage):
        return None
    if message.stream == "acquisition" and message.frame_id == 3:
        return [Reject(3, message.stream, "overloaded", "no room")]
    sampling = message.info.sampling
    result = a_result(
        message.frame_id, message.pixels.shape, stream=message.stream, sampling=sampling, mean=None, std=None, member_maps=None
    )
    return [ResultMessage(result)]


def test_the_acquisition_script_reports_atoms_doubts_and_rejections(capsys):
    with ScriptedServer(answering) as server:
        example("acquire")(server.address)
    out = capsys.readouterr().out
    assert "frame 19: 7 atoms" in out
    assert "look again at row" in out
    assert "frame 3: not analysed, overloaded" in out


def test_two_streams_are_followed_at_once(capsys):
    with ScriptedServer(answering) as server:
        example("two_streams")(server.address)
    out = capsys.readouterr().out
    assert out.count("HAADF frame") == out.count("MAADF frame") == 10


@pytest.mark.parametrize("atoms", [0, 9])
def test_saved_results_are_read(tmp_path, capsys, atoms):
    with ResultWriter(tmp_path / "out.h5") as writer:
        writer.write(np.zeros((24, 32)), FrameInfo(), a_result(0, atoms=atoms))
    example("read_results")(tmp_path / "out.h5")
    assert "networks (0, 2, 5), revision 4" in capsys.readouterr().out
