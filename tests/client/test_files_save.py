"""What is saved comes back; what was there is not overwritten; a killed run has lost its last frame at most."""

import dataclasses
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from elitscope.files import FileUnreadable, FileUnwritable, ResultWriter, open_frames, read_results
from elitscope.types import FrameInfo, Rejection, Result
from tests.client.analysed import a_result, some_hotspots

PIXELS = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
INFO = FrameInfo((0.1, 0.12), (2.4, 3.84), 1.5e9, 1e-6, 90.0, "HAADF", 60_000.0, {"file": "a.dm4", "Å": [1, 2]})


def assert_same(result, expected):
    for field in dataclasses.fields(Result):
        value, wanted = getattr(result, field.name), getattr(expected, field.name)
        if isinstance(wanted, np.ndarray):
            assert (value.dtype, value.shape, value.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes()), field.name
        else:
            assert value == wanted, field.name


def test_results_come_back_as_they_were(tmp_path):
    replies = [
        a_result(0),
        Rejection(1, "haadf", "overloaded", "the server is full: Å"),
        a_result(2, shape=(7, 11), sampling=None, warnings=()),
        a_result(3, mean=None, std=None, member_maps=None, members=(4,)),
        a_result(4, atoms=0),
        a_result(5, atoms=None, hotspots=None),
        a_result(6, hotspots=some_hotspots()[:0]),
    ]
    with ResultWriter(tmp_path / "out.h5") as writer:
        for reply in replies:
            writer.write(np.zeros((7, 11)) if reply.frame_id == 2 else PIXELS, INFO, reply)
    back = list(read_results(tmp_path / "out.h5"))
    assert back[1] == replies[1]
    for i in (0, 2, 3, 4, 5, 6):
        assert_same(back[i], replies[i])
    assert back[0].atoms.sampling == replies[0].atoms.sampling


def test_the_millionth_frame_comes_after_those_before(tmp_path):
    with ResultWriter(tmp_path / "out.h5") as writer:
        writer.frames_written = 999_999
        writer.write(PIXELS, INFO, a_result(7))
        writer.write(PIXELS, INFO, a_result(8))
    assert [result.frame_id for result in read_results(tmp_path / "out.h5")] == [7, 8]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
def test_saved_frames_can_be_streamed_again_with_everything_known_about_them(tmp_path, dtype):
    with ResultWriter(tmp_path / "out.h5") as writer:
        writer.write(PIXELS.astype(dtype), INFO, a_result(0))
        writer.write(PIXELS[:5].astype(dtype), FrameInfo(), Rejection(1, "haadf", "frame_invalid", "no"))
    source = open_frames(tmp_path / "out.h5")
    (first, first_info), (second, second_info) = source
    np.testing.assert_array_equal(first, PIXELS.astype(dtype))
    assert (first.dtype, second.shape) == (dtype, (5, 32))
    assert first_info == dataclasses.replace(INFO, metadata={"frame": 0, **INFO.metadata})
    assert second_info == FrameInfo(metadata={"file": "out.h5", "frame": 1})


def test_the_file_says_what_made_it(tmp_path):
    with ResultWriter(tmp_path / "out.h5", {"server": "tcp://box:5555", "stream": "haadf"}) as writer:
        writer.write(PIXELS, INFO, Rejection(0, "haadf", "draining", "later"))
        writer.write(PIXELS, INFO, a_result(1))
    with h5py.File(tmp_path / "out.h5") as file:
        head = dict(file.attrs)
        atoms = file["frames/000001/atoms"]
        assert list(atoms.attrs["units"])[:3] == ["px", "px", ""]
        assert tuple(atoms.attrs["sampling"]) == (0.1, 0.12)
    expected = {"server": "tcp://box:5555", "stream": "haadf", "ensemble": "toy", "plan": "openvino:cpu:f32:abc", "format_version": 1}
    assert {name: head[name] for name in expected} == expected
    assert {"created", "elitscope_version", "numpy", "h5py", "python"} <= set(head)


def test_every_frame_opens_as_nexus_data_with_calibrated_axes(tmp_path):
    from rsciio.nexus import file_reader

    with ResultWriter(tmp_path / "out.h5") as writer:
        writer.write(PIXELS, INFO, a_result(0))
    signals = file_reader(str(tmp_path / "out.h5"))
    image = next(signal for signal in signals if signal["data"].shape == PIXELS.shape)
    np.testing.assert_array_equal(image["data"], PIXELS)
    assert [axis["scale"] for axis in image["axes"]] == pytest.approx([0.1, 0.12])
    assert {axis["units"] for axis in image["axes"]} == {"Å"}


def test_an_existing_file_is_left_alone_unless_told_otherwise(tmp_path):
    (tmp_path / "out.h5").write_text("precious")
    with pytest.raises(FileUnwritable, match="exists already"), ResultWriter(tmp_path / "out.h5"):
        pass
    assert (tmp_path / "out.h5").read_text() == "precious"
    with ResultWriter(tmp_path / "out.h5", overwrite=True) as writer:
        writer.write(PIXELS, INFO, a_result(0))
    assert len(list(read_results(tmp_path / "out.h5"))) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileUnwritable, match=r"nowhere.*No such file"), ResultWriter(tmp_path / "nowhere" / "out.h5"):
        pass


def test_a_file_of_somebody_else_holds_no_results(tmp_path):
    h5py.File(tmp_path / "other.h5", "w").close()
    for name, words in (("other.h5", "not written by elitscope"), ("missing.h5", "does not exist")):
        with pytest.raises(FileUnreadable, match=words):
            list(read_results(tmp_path / name))


def test_a_newer_layout_is_refused(tmp_path):
    with ResultWriter(tmp_path / "out.h5") as writer:
        writer.write(PIXELS, INFO, a_result(0))
    with h5py.File(tmp_path / "out.h5", "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(FileUnreadable, match="update elitscope"):
        list(read_results(tmp_path / "out.h5"))


def run_python(code, *args):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


WRITING = """
    import sys, numpy as np
    sys.path.insert(0, sys.argv[2])
    from elitscope.files import ResultWriter
    from elitscope.types import FrameInfo
    from tests.client.analysed import a_result
    with ResultWriter(sys.argv[1]) as writer:
        for i in range(10_000):
            writer.write(np.full((64, 64), i, np.uint16), FrameInfo(), a_result(i, shape=(64, 64)))
            print(i, flush=True)
"""


def test_a_killed_run_has_lost_its_last_frame_at_most(tmp_path, pytestconfig):
    for frames in (1, 7, 20):
        path = tmp_path / f"{frames}.h5"
        process = run_python(WRITING, path, pytestconfig.rootpath)
        for _ in range(frames):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        last = max([last, *map(int, process.communicate()[0].split())])
        results = list(read_results(path))
        assert len(results) >= last + 1
        assert [result.frame_id for result in results] == list(range(len(results)))


FULL_DISK = """
    import resource, signal, sys, numpy as np
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    from elitscope.files import FileUnwritable, ResultWriter
    from elitscope.types import FrameInfo, Rejection
    rng = np.random.default_rng(0)
    try:
        with ResultWriter(sys.argv[1]) as writer:
            for i in range(100):
                writer.write(rng.integers(0, 65535, (200, 200), np.uint16), FrameInfo(), Rejection(i, "s", "overloaded", ""))
    except FileUnwritable as error:
        print(error)
"""


def test_a_full_disk_is_reported_with_the_files_name(tmp_path):
    process = run_python(FULL_DISK, tmp_path / "out.h5")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"{tmp_path / 'out.h5'} can't be written (File too large); " in out
    assert "frames were saved before" in out
