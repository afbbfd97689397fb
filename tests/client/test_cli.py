"""The command line as a user meets it: help, exit codes, one-line errors, and whole runs over real sockets."""

import json
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from elitscope.cli import build_parser, main
from elitscope.files import open_frames, read_results
from elitscope.messages import FrameMessage, Reject, ResultMessage
from elitscope.types import Rejection, Result
from tests.client.analysed import a_result
from tests.support.scripted_server import ScriptedServer

CHANGES = ("use", "deselect", "select", "only", "undo", "hold", "release", "autopilot")
COMMANDS = ("stream", "simulate", "watch", "status", "ensembles", "members", "drift", "history", *CHANGES)
MOVIE = np.random.default_rng(0).integers(0, 1000, (5, 24, 32), np.uint16)


def with_atoms(message):
    """Every frame is answered with atoms and maps."""
    if not isinstance(message, FrameMessage):
        return None
    result = a_result(message.frame_id, message.pixels.shape, stream=message.stream, sampling=message.info.sampling, member_maps=None)
    return [ResultMessage(result)]


def rejecting_every_other(message):
    if isinstance(message, FrameMessage) and message.frame_id % 2:
        return [Reject(message.frame_id, message.stream, "overloaded", "no room")]
    return with_atoms(message)


@pytest.fixture
def movie(tmp_path):
    np.savez(tmp_path / "movie.npz", frames=MOVIE, sampling=0.2)
    return tmp_path / "movie.npz"


def events(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# -------------------------------------------------------------------------------------------------------- help and errors


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert f"examples:\n  elitscope {command}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_are_valid(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2].split("\n\n")[0].splitlines()
    for example in examples:
        build_parser().parse_args(shlex.split(example)[1:])


def test_the_version_is_the_distributions(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"elitscope {version('elitscope')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["stream"],
        ["stream", "a.npy", "--sampling", "-1"],
        ["stream", "a.npy", "--sampling", "0.1,0.2,0.3"],
        ["stream", "a.npy", "--rate", "0"],
        ["stream", "a.npy", "--outputs", "mean,colour"],
        ["stream", "a.npy", "--policy", "some"],
        ["simulate", "--frames", "0"],
        ["simulate", "--size", "1x2x3"],
        ["simulate", "--lattice", "cheese"],
        ["fly"],
    ],
)
def test_arguments_that_make_no_sense_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_addresses_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ELITSCOPE_SERVER", "tcp://a:1")
    monkeypatch.setenv("ELITSCOPE_PUBLISH", "tcp://a:2")
    monkeypatch.setenv("ELITSCOPE_HTTP", "http://a:3")
    parse = build_parser().parse_args
    assert parse(["stream", "a.npy"]).server == "tcp://a:1"
    assert parse(["watch"]).publish == "tcp://a:2"
    assert parse(["status"]).http == "http://a:3"
    assert parse(["stream", "a.npy", "--server", "tcp://b:4"]).server == "tcp://b:4"


def test_an_error_is_one_line_and_exit_code_one(capsys, movie):
    assert main(["stream", str(movie), "--server", "tcp://127.0.0.1:9", "--timeout", "0.3"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("elitscope: ")]
    assert len(lines) == 1
    assert "tcp://127.0.0.1:9" in lines[0]


def test_debug_shows_the_traceback(movie):
    with pytest.raises(Exception, match="tcp"):
        main(["stream", str(movie), "--server", "tcp://127.0.0.1:9", "--timeout", "0.3", "--debug"])


def test_a_stream_name_that_cannot_be_is_refused_in_words(capsys, movie):
    assert main(["stream", str(movie), "--stream", "No Blanks"]) == 1
    assert "'No Blanks' must match" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------------------------------- stream


def test_a_file_streams_to_results_saved_frames_and_pictures(tmp_path, movie, capsys):
    out, plots = tmp_path / "out.h5", tmp_path / "plots"
    with ScriptedServer(with_atoms) as server:
        code = main(["stream", str(movie), "--server", server.address, "--stream", "haadf", "--save", str(out), "--plot", str(plots)])
    output = capsys.readouterr()
    assert code == 0
    assert "frames sent" in output.out
    assert "inference" in output.out
    assert "0.2 Å/px" in output.err
    assert [result.frame_id for result in read_results(out)] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal([pixels for pixels, _ in open_frames(out)], MOVIE)
    assert sorted(path.name for path in plots.iterdir()) == [f"movie-{i:04d}.png" for i in range(5)]


def test_json_gives_a_line_a_frame_and_a_summary(movie, capsys):
    with ScriptedServer(with_atoms) as server:
        assert main(["stream", str(movie), "--server", server.address, "--json"]) == 0
    told = [event for event in events(capsys) if event["event"] != "note"]
    assert [event["event"] for event in told] == ["result"] * 5 + ["summary"]
    assert told[3]["frame"] == "movie-0003"
    assert told[3]["atoms"] == 7
    assert told[3]["warnings"][1] == "spread_uncalibrated"
    summary = told[-1]
    assert (summary["frames_sent"], summary["results"], summary["rejections"]) == (5, 5, 0)
    assert set(summary["latency_ms"]) == {"queue", "preprocess", "inference", "atoms", "total", "client"}
    assert summary["latency_ms"]["total"]["max"] == 42.0


def test_rejected_frames_are_counted_saved_and_give_exit_code_three(tmp_path, movie, capsys):
    with ScriptedServer(rejecting_every_other) as server:
        code = main(["stream", str(movie), "--server", server.address, "--save", str(tmp_path / "out.h5"), "--plot", str(tmp_path / "p")])
    assert code == 3
    assert "2 (overloaded 2)" in capsys.readouterr().out
    assert [type(reply) for reply in read_results(tmp_path / "out.h5")] == [Result, Rejection, Result, Rejection, Result]
    assert len(list((tmp_path / "p").iterdir())) == 3


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path, movie, capsys):
    (tmp_path / "broken.tif").write_bytes(b"II*\0junk")
    tifffile.imwrite(tmp_path / "good.tif", MOVIE[0])
    paths = [str(tmp_path / name) for name in ("broken.tif", "good.tif", "missing.npy")]
    with ScriptedServer(with_atoms) as server:
        assert main(["stream", *paths, str(movie), "--server", server.address, "--json"]) == 1
    told = events(capsys)
    complaints = [event["text"] for event in told if event["event"] == "note" and event["text"].startswith("elitscope: ")]
    assert ["broken.tif" in complaints[0], "missing.npy" in complaints[1]] == [True, True]
    assert [event["frame"] for event in told if event["event"] == "result"] == ["good", *(f"movie-{i:04d}" for i in range(5))]


def test_files_of_one_name_in_two_folders_keep_their_pictures_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "scan.npy", MOVIE[0])
    paths = [str(tmp_path / folder / "scan.npy") for folder in ("a", "b")]
    with ScriptedServer(with_atoms) as server:
        assert main(["stream", *paths, "--server", server.address, "--plot", str(tmp_path / "p")]) == 0
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["scan-2.png", "scan.png"]


@pytest.mark.parametrize(
    ("given", "expected"), [([], (0.2, 0.2)), (["--sampling", "0.3"], (0.3, 0.3)), (["--sampling", "0.3,0.4"], (0.3, 0.4))]
)
def test_a_sampling_on_the_command_line_wins_over_the_files(movie, given, expected):
    with ScriptedServer(with_atoms) as server:
        main(["stream", str(movie), "--server", server.address, *given])
    sent = [message for message in server.received if isinstance(message, FrameMessage)]
    assert {message.info.sampling for message in sent} == {expected}
    assert sent[2].info.metadata == {"file": "movie.npz", "frame": 2}


def test_options_travel_with_the_frames(movie):
    options = ["--stream", "bf", "--outputs", "atoms,mean", "--deadline-ms", "300000", "--policy", "latest"]
    with ScriptedServer(with_atoms) as server:
        main(["stream", str(movie), "--server", server.address, *options])
    frame = next(message for message in server.received if isinstance(message, FrameMessage))
    assert (frame.stream, frame.outputs, frame.policy) == ("bf", ("mean", "atoms"), "latest")
    assert frame.deadline_ms <= 300_000


def test_saving_over_an_existing_file_is_refused_before_anything_is_sent(tmp_path, movie, capsys):
    (tmp_path / "out.h5").write_text("precious")
    with ScriptedServer(with_atoms) as server:
        assert main(["stream", str(movie), "--server", server.address, "--save", str(tmp_path / "out.h5")]) == 1
        assert server.received == []
        assert "exists already" in capsys.readouterr().err
        assert main(["stream", str(movie), "--server", server.address, "--save", str(tmp_path / "out.h5"), "--overwrite"]) == 0
    assert len(list(read_results(tmp_path / "out.h5"))) == 5


def test_an_interrupt_saves_what_is_there_and_tells_what_it_came_to(tmp_path):
    command = [sys.executable, "-m", "elitscope.cli", "simulate", "--frames", "5000", "--size", "32", "--rate", "20", "--json"]
    with ScriptedServer(with_atoms) as server:
        arguments = ["--server", server.address, "--save", str(tmp_path / "out.h5")]
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while json.loads(process.stdout.readline()).get("frame") != "graphene-0003":
                pass
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "")
    summary = json.loads(out.splitlines()[-1])
    assert summary["interrupted"]
    assert len(list(read_results(tmp_path / "out.h5"))) == summary["results"] >= 4


# --------------------------------------------------------------------------------------------------------------- simulate


def test_the_simulated_instrument_sends_frames_and_compares_with_what_it_knows(tmp_path, capsys):
    def seeing_everything(message):
        return with_atoms(message)

    frames = tmp_path / "frames.npz"
    arguments = [
        "simulate",
        "--frames",
        "3",
        "--size",
        "96x64",
        "--seed",
        "4",
        "--save-frames",
        str(frames),
        "--save",
        str(tmp_path / "out.h5"),
    ]
    with ScriptedServer(seeing_everything) as server:
        assert main([*arguments, "--server", server.address]) == 0
        assert "against the truth" in capsys.readouterr().out
    sent = [message for message in server.received if isinstance(message, FrameMessage)]
    assert [message.pixels.shape for message in sent] == [(96, 64)] * 3
    assert sent[0].info.channel == "simulated"
    assert sent[0].info.sampling == (0.08, 0.08)
    source = open_frames(frames)
    assert source.sampling == (0.08, 0.08)
    np.testing.assert_array_equal([pixels for pixels, _ in source], [message.pixels for message in sent])


def test_the_same_seed_sends_the_same_frames():
    def sent(seed):
        with ScriptedServer() as server:
            main(["simulate", "--frames", "1", "--size", "48", "--lattice", "square", "--seed", seed, "--server", server.address, "--json"])
        return next(message.pixels.tobytes() for message in server.received if isinstance(message, FrameMessage))

    assert sent("1") == sent("1") != sent("2")


def test_saving_frames_over_an_existing_file_is_refused(tmp_path, capsys):
    (tmp_path / "f.npz").write_text("precious")
    assert main(["simulate", "--save-frames", str(tmp_path / "f.npz")]) == 1
    assert main(["simulate", "--save-frames", str(tmp_path / "f.tif")]) == 1
    err = capsys.readouterr().err
    assert "exists already" in err
    assert ".npz" in err


# ----------------------------------------------------------------------------------------------------------- thin install


def run_without(modules, *arguments):
    """The command line where `modules` can't be imported, as after a thin install."""
    code = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from elitscope.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


HEAVY = ["rich", "rsciio", "tifffile", "h5py", "PIL", "matplotlib", "dask"]


def test_help_needs_no_optional_library():
    assert run_without(HEAVY, "stream", "--help").returncode == 0


@pytest.mark.parametrize(
    ("library", "arguments"),
    [
        ("rich", ["watch", "--once"]),
        ("rich", ["stream", "FRAME"]),
        ("h5py", ["stream", "FRAME", "--json", "--save", "x.h5"]),
        ("matplotlib", ["stream", "FRAME", "--json", "--plot", "x"]),
    ],
)
def test_a_thin_install_says_what_to_install(tmp_path, library, arguments):
    np.save(tmp_path / "f.npy", MOVIE[0])
    arguments = [str(tmp_path / "f.npy") if argument == "FRAME" else argument for argument in arguments]
    done = run_without([library], *arguments)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith(f'needs {library}, which is not installed: pip install "elitscope[files]"')
    assert "Traceback" not in done.stderr


def test_a_microscopes_file_on_a_thin_install_says_what_to_install(tmp_path):
    (tmp_path / "scan.dm4").write_bytes(b"x")
    code = "import sys; sys.modules['rsciio'] = None; from elitscope.files import open_frames; open_frames(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "scan.dm4")], capture_output=True, text=True, check=False)
    assert 'needs rosettasciio, which is not installed: pip install "elitscope[files]"' in done.stderr


def test_npy_frames_stream_as_json_with_no_optional_library_at_all(tmp_path):
    np.save(tmp_path / "f.npy", MOVIE)
    with ScriptedServer() as server:
        done = run_without(HEAVY, "stream", str(tmp_path / "f.npy"), "--json", "--server", server.address)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["results"] == 5
