"""Live messages: containers of a RESULT's parts, reduced as a viewer wants them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from elitscope.codec import decode_server
from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.messages import ResultMessage
from elitscope.types import ATOM_DTYPE, AtomTable, Result, Timing
from elitscope_service.api.live_message import ALIGNMENT, LiveOptions, live_message, pack_parts, unpack_parts
from elitscope_service.api.problems import ProblemError

RNG = np.random.default_rng(0)
SHAPE = (12, 20)
MEAN, STD = RNG.random((2, *SHAPE), np.float32), 0.5 * RNG.random((2, *SHAPE), np.float32)
MEMBERS = RNG.random((3, 2, *SHAPE), np.float32)
PIXELS = RNG.integers(0, 60_000, SHAPE).astype(np.uint16)
ATOMS = AtomTable.from_records(np.zeros(3, ATOM_DTYPE))
RESULT = Result(
    7, "haadf", 7, "toy", "1", (0, 1, 2), 4, "plan", ("C", "Si"), (0.1, 0.1), (), Timing(), mean=MEAN, std=STD, atoms=ATOMS, epoch="e1"
)
PREVIEW = ResultMessage(RESULT, PIXELS)


def read(data: bytes) -> tuple[dict[str, object], ResultMessage]:
    parts = unpack_parts(data)
    message = decode_server(parts)
    assert isinstance(message, ResultMessage)
    return json.loads(bytes(parts[1])), message


def test_parts_begin_where_a_browser_can_lay_typed_arrays_over_them() -> None:
    parts = [b"ELIT\1\x42", b"{}" * 9, b"x" * 13, b"", b"y"]
    data = pack_parts(parts)
    assert [bytes(part) for part in unpack_parts(data)] == parts
    assert len(data) % ALIGNMENT == 0
    places = [data.index(part) for part in parts if part]
    assert all(place % ALIGNMENT == 0 for place in places)


def test_as_float32_everything_arrives_as_it_was() -> None:
    options = LiveOptions(("frame", "mean", "std", "atoms"), dtype="float32")
    header, message = read(live_message(PREVIEW, "preview", options))
    assert message.frame is not None and np.array_equal(message.frame, PIXELS)
    assert message.result.mean is not None and message.result.mean.tobytes() == MEAN.tobytes()
    assert message.result.std is not None and message.result.std.tobytes() == STD.tobytes()
    assert message.result.atoms is not None and message.result.atoms.tobytes() == ATOMS.tobytes()
    assert (message.result.revision, message.result.members, message.result.epoch) == (4, (0, 1, 2), "e1")
    assert (header["kind"], header["scale"], header["shape"], "levels" in header) == ("preview", 1.0, list(SHAPE), False)


def test_hotspots_arrive_where_they_were_asked_for_whatever_the_scale() -> None:
    table = HotspotTable.from_records(np.array([(10.0, 20.5, 6.0, 1, 2.0)], HOTSPOT_DTYPE))
    publication = ResultMessage(replace(RESULT, hotspots=table), PIXELS)
    _, message = read(live_message(publication, "preview", LiveOptions(("mean", "hotspots"), scale=0.5)))
    assert message.result.hotspots is not None and message.result.hotspots.tobytes() == table.tobytes()
    assert read(live_message(publication, "preview", LiveOptions(("mean", "atoms"))))[1].result.hotspots is None


def test_as_uint8_values_come_back_through_the_levels() -> None:
    header, message = read(live_message(PREVIEW, "preview", LiveOptions(("frame", "mean", "std"))))
    levels = header["levels"]
    assert isinstance(levels, dict)
    for name, original in (("mean", MEAN), ("std", STD)):
        sent, (low, high) = getattr(message.result, name), levels[name]
        assert sent.dtype == np.uint8
        assert np.abs(low + (high - low) * (sent / 255) - original).max() <= (high - low) / 510 + 1e-6
    low, high = levels["frame"]
    assert message.frame is not None
    inside = (low <= PIXELS) & (high >= PIXELS)
    assert np.abs(low + (high - low) * (message.frame / 255) - PIXELS)[inside].max() <= (high - low) / 500
    assert message.result.atoms is None


def test_only_what_was_asked_for_is_sent() -> None:
    _, message = read(live_message(PREVIEW, "preview", LiveOptions(("atoms",))))
    assert message.frame is None and message.result.mean is None and message.result.std is None
    assert message.result.atoms is not None


def test_maps_are_averaged_down() -> None:
    header, message = read(live_message(PREVIEW, "preview", LiveOptions(("mean",), scale=0.5, dtype="float32")))
    expected = MEAN.reshape(2, 6, 2, 10, 2).mean(axis=(2, 4))
    assert message.result.mean is not None and np.allclose(message.result.mean, expected, atol=1e-6)
    assert header["shape"] == list(SHAPE)


def test_members_come_alone() -> None:
    publication = ResultMessage(Result(**{**vars(RESULT), "mean": None, "std": None, "member_maps": MEMBERS}))
    _, message = read(live_message(publication, "members", LiveOptions(("mean", "atoms", "members"), dtype="float32")))
    assert message.result.member_maps is not None and message.result.member_maps.tobytes() == MEMBERS.tobytes()
    assert message.result.atoms is None


@pytest.mark.parametrize(
    ("outputs", "kinds"),
    [
        (("frame", "mean", "atoms"), ("preview",)),
        (("atoms",), ("summary",)),
        (("hotspots",), ("summary",)),
        (("members",), ("members",)),
        (("atoms", "members"), ("summary", "members")),
        (("std", "members"), ("preview", "members")),
    ],
)
def test_nothing_is_subscribed_to_that_is_not_needed(outputs: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    assert LiveOptions(outputs).kinds() == kinds


def test_options_come_from_the_query() -> None:
    found = LiveOptions.parse({"outputs": "atoms,frame", "scale": "0.5", "dtype": "float32", "rate": "2"})
    assert found == LiveOptions(("frame", "atoms"), 0.5, "float32", 2.0)
    assert LiveOptions.parse({}) == LiveOptions()


@pytest.mark.parametrize(
    "query",
    [{"outputs": "mean,colour"}, {"outputs": ","}, {"dtype": "int4"}, {"scale": "0"}, {"scale": "2"}, {"rate": "fast"}, {"rate": "nan"}],
)
def test_what_can_not_be_is_refused_quoting_it(query: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as caught:
        LiveOptions.parse(query)
    assert (caught.value.status, caught.value.code) == (422, "request_invalid")
    (value,) = query.values()
    assert repr(value) in caught.value.detail


def test_maps_of_deselected_networks_come_with_the_mean_of_their_frame() -> None:
    options = LiveOptions(("members", "inactive"))
    assert options.kinds() == ("members", "inactive")
    asleep = ResultMessage(replace(RESULT, members=(3, 4, 5), member_maps=MEMBERS, std=None))
    header, message = read(live_message(asleep, "inactive", options))
    assert (header["kind"], message.result.members) == ("inactive", (3, 4, 5))
    assert message.result.member_maps is not None and message.result.member_maps.shape == MEMBERS.shape
    assert message.result.mean is not None and message.result.atoms is None
