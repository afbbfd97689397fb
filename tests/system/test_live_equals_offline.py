"""A frame through sockets gives bit for bit what the same plan gives offline, whatever its dtype and shape."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elitscope import Client
from elitscope.aio import AsyncClient
from elitscope.errors import FrameInvalid
from elitscope.types import OUTPUTS
from elitscope_models.analyse import analyse
from elitscope_models.bundle import load_bundle
from elitscope_models.loading import open_ensemble, open_plan, with_fusion
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, wait_until

DTYPES = ("u1", "i1", "u2", "i2", "<u4", ">u2", "i4", "i8", "u8", "f2", "f4", ">f4", "f8", "?")


@pytest.fixture(scope="module")
def offline(toy_bundles):
    return open_ensemble(load_bundle(toy_bundles / "toy"))


@pytest.fixture(scope="module")
def in_one_call(offline):
    return with_fusion(offline, at_once=True)


@pytest.fixture(scope="module")
def client(server):
    with Client(server.server, stream="parity", outputs=OUTPUTS, timeout=PATIENCE) as client:
        yield client


def as_dtype(image, dtype):
    """The image, 0 to 1 or so, in the range of a dtype."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return image > 0.5
    top = 1.0 if kind.kind == "f" else min(np.iinfo(kind).max, 60_000) / 2
    return (image * top).astype(kind)


def assert_equal_bits(live, analysis):
    assert live.plan == analysis.plan
    assert live.members == analysis.members
    assert live.warnings == analysis.warnings
    for ours, theirs in ((live.mean, analysis.mean), (live.std, analysis.std), (live.member_maps, analysis.member_maps)):
        assert ours.shape == theirs.shape
        assert ours.tobytes() == theirs.tobytes()
    assert live.atoms.tobytes() == analysis.atoms.tobytes()
    assert live.hotspots.tobytes() == analysis.hotspots.tobytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(16, 131),
    columns=st.integers(16, 131),
    dtype=st.sampled_from(DTYPES),
    sampling=st.one_of(st.none(), st.floats(0.04, 0.3), st.tuples(st.floats(0.06, 0.18), st.floats(0.06, 0.18))),
    seed=st.integers(0, 2**32 - 1),
)
def test_streamed_and_offline_numbers_are_equal_bit_for_bit(client, offline, in_one_call, rows, columns, dtype, sampling, seed):
    rng = np.random.default_rng(seed)
    image = dots((rows, columns), lattice((rows, columns)), floor=0.1) + rng.normal(0, 0.02, (rows, columns))
    pixels = as_dtype(np.clip(image, 0, 1.4), dtype)
    try:
        expected = analyse(pixels, sampling, offline)
    except FrameInvalid as error:
        with pytest.raises(FrameInvalid) as caught:
            client.infer(pixels, sampling=sampling)
        assert str(caught.value) == str(error)
    else:
        live = client.infer(pixels, sampling=sampling)  # in one call, where a shape has come several times
        assert_equal_bits(live, analyse(pixels, sampling, in_one_call) if live.plan != expected.plan else expected)


def test_a_frame_that_is_cut_into_tiles_is_no_exception(client, offline):
    pixels = dots((900, 1003), lattice((900, 1003)), floor=0.1)
    assert_equal_bits(client.infer(pixels, sampling=0.1), analyse(pixels, 0.1, offline))


def test_frames_of_two_streams_that_share_the_worker_are_no_exception(server, offline, in_one_call):
    big, small = dots((1100, 1100), lattice((1100, 1100)), floor=0.1), dots((64, 64), lattice((64, 64)), floor=0.2)
    expected = {found.plan: found for found in (analyse(small, 0.1, offline), analyse(small, 0.1, in_one_call))}
    with (
        Client(server.server, stream="big", outputs=OUTPUTS, timeout=PATIENCE) as one,
        Client(server.server, stream="small", outputs=OUTPUTS, timeout=PATIENCE) as other,
    ):
        large = one.stream([big] * 3, sampling=0.1)
        first = next(large)
        for result in other.stream([small] * 20, sampling=0.1):
            assert_equal_bits(result, expected[result.plan])
        for result in (first, *large):
            assert_equal_bits(result, analyse(big, 0.1, offline))


def test_a_stream_comes_to_be_analysed_in_one_call_with_the_bits_of_its_plan(client, offline, in_one_call):
    pixels = dots((88, 96), lattice((88, 96)), floor=0.1)
    first = client.infer(pixels, sampling=0.1)
    assert_equal_bits(first, analyse(pixels, 0.1, offline))
    last = wait_until(lambda: (live := client.infer(pixels, sampling=0.1)).plan != first.plan and live, 4 * PATIENCE)
    assert_equal_bits(last, analyse(pixels, 0.1, in_one_call))
    assert_equal_bits(client.infer(pixels[:-3, :-5], sampling=0.1), analyse(pixels[:-3, :-5], 0.1, in_one_call))


@pytest.mark.parametrize("whole", [False, True], ids=["one by one", "in one call"])
def test_the_plan_of_a_reply_can_be_opened_again_by_its_name(client, toy_bundles, whole):
    pixels = dots((64, 112), lattice((64, 112)))
    live = wait_until(lambda: ("-fused-" in (live := client.infer(pixels, sampling=0.1)).plan) == whole and live, 4 * PATIENCE)
    again = open_plan(load_bundle(toy_bundles / "toy"), live.plan, live.members)
    assert_equal_bits(live, analyse(pixels, 0.1, again, live.members))


def test_the_command_line_gives_the_same_atoms_and_hotspots(client, toy_bundles, tmp_path):
    pixels = dots((64, 80), lattice((64, 80)))
    pixels[30:34] = 0.0  # cut through atoms
    np.save(tmp_path / "frame.npy", pixels)
    live = client.infer(pixels, sampling=0.1)
    command = [Path(sys.executable).with_name("elitscope-models"), "predict", tmp_path / "frame.npy", "--bundle", toy_bundles / "toy"]
    command += ["--sampling", "0.1", "--plan", live.plan, "--save", tmp_path / "out.npz"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as saved:
        names = list(saved)
        atoms, hotspots = (next(saved[name] for name in names if kind in name) for kind in ("atoms", "hotspots"))
    assert atoms.tobytes() == live.atoms.tobytes(), json.dumps(names)
    assert hotspots.tobytes() == live.hotspots.tobytes()


def test_hotspots_come_unless_one_asks_for_less(server):
    pixels = dots((64, 80), lattice((64, 80)))

    async def infer():
        async with AsyncClient(server.server, stream="usual") as client:
            return await client.infer(pixels, sampling=0.1)

    usual = asyncio.run(infer())
    with Client(server.server, stream="usual") as client, Client(server.server, stream="usual", outputs=("atoms",)) as modest:
        assert client.infer(pixels, sampling=0.1).hotspots.tobytes() == usual.hotspots.tobytes()
        assert modest.infer(pixels, sampling=0.1).hotspots is None
