"""What the codec accepts, and how it refuses everything else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from elitscope import codec
from elitscope.errors import CODES, FrameInvalid, MessageInvalid
from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.messages import FrameMessage, Hello, Limits, Ping, ResultMessage
from elitscope.types import ATOM_DTYPE, AtomTable, FrameInfo, Result, Timing

SESSION = "0123456789abcdef" * 2
FRAME_PREFIX = codec.prefix(FrameMessage)
HEADER = {"session": SESSION, "frame_id": 3, "stream": "haadf", "shape": [2, 3], "dtype": "<u2"}
PIXELS = bytes(12)


def frame_parts(pixels=PIXELS, **changes):
    header = {key: value for key, value in {**HEADER, **changes}.items() if value is not ...}
    return [FRAME_PREFIX, json.dumps(header).encode(), pixels]


def refusal(parts, limits=None):
    with pytest.raises(MessageInvalid) as caught:
        codec.decode_client(parts, limits or Limits())
    assert caught.value.code in CODES
    return caught.value


@given(
    hnp.arrays(
        st.sampled_from(["i1", "u1", "i2", ">u2", "i4", ">i4", "u4", "i8", "u8", "f2", ">f4", "f4", "f8", "?"]),
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
    ),
    st.booleans(),
)
def test_frames_of_every_real_dtype_and_layout_arrive_as_they_were_sent(pixels, transposed):
    sent = pixels.T if transposed else pixels
    parts = [bytes(part) for part in codec.encode(FrameMessage(SESSION, 0, "s", sent))]
    read = codec.decode_client(parts).pixels
    np.testing.assert_array_equal(read, sent)
    assert read.dtype.byteorder in "<=|" and read.flags.aligned


def test_misaligned_pixels_are_copied_into_aligned_memory():
    memory = bytearray(13)
    memory[1:] = np.arange(6, dtype="<u2").tobytes()
    read = codec.decode_client([*frame_parts()[:2], memoryview(memory)[1:]]).pixels
    assert read.flags.aligned
    np.testing.assert_array_equal(read, np.arange(6).reshape(2, 3))


def test_a_field_of_view_gives_the_sampling_where_that_is_unknown():
    assert codec.decode_client(frame_parts(field_of_view=[1.0, 3.0])).info.sampling == (0.5, 1.0)
    assert codec.decode_client(frame_parts(field_of_view=[1.0, 3.0], sampling=[0.1, 0.1])).info.sampling == (0.1, 0.1)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b""],
        [b"ELIT"],
        [b"GET / HTTP/1.1"],
        [b"ELIT\x02\x02", b"{}"],
        [b"ELIT\x01\x00", b"{}"],
        [b"ELIT\x01\x42", b"{}"],
        [b"ELIT\x01\xff", b"{}"],
    ],
)
def test_what_is_not_ours_is_a_protocol_mismatch(parts):
    assert refusal(parts).code == "protocol_mismatch"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"\xff\xfe",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"session":1,"session":2}',
        b"[" * 4096,
        b'{"a":' * 800 + b"1" + b"}" * 800,
        b" " * 4097,
        b'{"frame_id":' + b"9" * 4000 + b"}",
    ],
)
def test_a_header_that_is_no_small_json_object_is_refused(header):
    assert refusal([FRAME_PREFIX, header, PIXELS]).code == "header_invalid"


@pytest.mark.parametrize("count", [1, 3, 9, 1000])
def test_a_wrong_number_of_parts_is_refused(count):
    parts = [*frame_parts(), *[b"x"] * 1000][:count] if count != 3 else [*frame_parts()[:2], PIXELS, PIXELS]
    assert refusal(parts).code == "header_invalid"


@pytest.mark.parametrize(
    ("changes", "code", "quoted"),
    [
        ({"session": ...}, "header_invalid", "session"),
        ({"session": "abc"}, "header_invalid", "'abc'"),
        ({"session": 5}, "header_invalid", "5"),
        ({"frame_id": ...}, "header_invalid", "frame_id"),
        ({"frame_id": -1}, "header_invalid", "-1"),
        ({"frame_id": 2**64}, "header_invalid", "18446744073709551616"),
        ({"frame_id": 1.5}, "header_invalid", "1.5"),
        ({"frame_id": True}, "header_invalid", "True"),
        ({"stream": "HAADF"}, "header_invalid", "HAADF"),
        ({"stream": "a/b"}, "header_invalid", "a/b"),
        ({"stream": "s" * 65}, "header_invalid", "sss"),
        ({"stream": ""}, "header_invalid", "''"),
        ({"shape": [0, 6]}, "frame_invalid", "[0, 6]"),
        ({"shape": [-2, -3]}, "frame_invalid", "[-2, -3]"),
        ({"shape": [6]}, "frame_invalid", "[6]"),
        ({"shape": [1, 2, 3]}, "frame_invalid", "[1, 2, 3]"),
        ({"shape": [2**32, 2**32]}, "frame_invalid", "4294967296"),
        ({"shape": "2x3"}, "frame_invalid", "2x3"),
        ({"shape": [2, 2]}, "frame_invalid", "12 bytes"),
        ({"shape": [16384, 16384], "dtype": "<f8"}, "frame_invalid", "too large"),
        ({"dtype": ">f4"}, "frame_invalid", ">f4"),
        ({"dtype": "|O"}, "frame_invalid", "|O"),
        ({"dtype": "|V2"}, "frame_invalid", "|V2"),
        ({"dtype": "<c8"}, "frame_invalid", "<c8"),
        ({"dtype": [["a", "<u2"]]}, "frame_invalid", "a"),
        ({"sampling": 0.1}, "frame_invalid", "0.1"),
        ({"sampling": [0.1, 0]}, "frame_invalid", "[0.1, 0]"),
        ({"sampling": [0.1, True]}, "frame_invalid", "True"),
        ({"sampling": [10**400, 1]}, "frame_invalid", "1000"),
        ({"outputs": []}, "header_invalid", "[]"),
        ({"outputs": ["all"]}, "header_invalid", "all"),
        ({"outputs": [["mean"]]}, "header_invalid", "mean"),
        ({"policy": "newest"}, "header_invalid", "newest"),
        ({"deadline_ms": 0}, "header_invalid", "0"),
        ({"deadline_ms": "5"}, "header_invalid", "'5'"),
        ({"partial": 1}, "header_invalid", "1"),
        ({"valid_rows": [1, 1]}, "header_invalid", "[1, 1]"),
        ({"valid_rows": [0, 3]}, "header_invalid", "[0, 3]"),
        ({"done": [1] * 65}, "header_invalid", "done"),
        ({"done": [-1]}, "header_invalid", "-1"),
        ({"metadata": [1]}, "header_invalid", "[1]"),
        ({"metadata": {"a": "x" * 2100}}, "header_invalid", "metadata"),
        ({"channel": "x" * 241}, "header_invalid", "channel"),
        ({"samplng": [1, 1]}, "header_invalid", "samplng"),
    ],
)
def test_a_bad_value_is_refused_with_its_code_quoting_it(changes, code, quoted):
    error = refusal(frame_parts(**changes))
    assert error.code == code
    assert quoted in str(error)


def test_a_refusal_names_the_frame_where_it_can_be_told():
    assert refusal(frame_parts(dtype=">f4")).frame_id == 3
    assert refusal(frame_parts(frame_id="3")).frame_id is None


def test_a_header_exactly_at_the_limit_passes_and_one_byte_more_does_not():
    header = json.dumps(HEADER).encode()
    padded = header[:-1] + b" " * (codec.MAX_HEADER_BYTES - len(header)) + b"}"
    assert codec.decode_client([FRAME_PREFIX, padded, PIXELS]).frame_id == 3
    refusal([FRAME_PREFIX, padded + b" ", PIXELS])


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=64), max_size=5), st.booleans())
def test_random_parts_are_refused_and_never_break_the_codec(parts, ours):
    refusal([FRAME_PREFIX, *parts] if ours else parts)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted([*HEADER, "sampling", "outputs", "deadline_ms", "policy", "partial", "valid_rows", "done", "metadata"])),
    JSON_VALUES,
)
def test_any_json_value_of_any_key_is_read_or_refused(key, value):
    try:
        message = codec.decode_client(frame_parts(**{key: value}))
    except MessageInvalid as error:
        assert error.code in CODES
    else:
        assert message.pixels.shape == (2, 3)


@pytest.mark.parametrize(
    "pixels", [np.zeros(4), np.zeros((1, 2, 3)), np.zeros((0, 5)), np.zeros((2, 2), complex), np.array([["a"]]), np.zeros((2, 2), object)]
)
def test_what_is_no_real_image_can_not_be_sent(pixels):
    with pytest.raises(FrameInvalid):
        codec.wire_pixels(pixels)


def test_metadata_over_the_limit_can_not_be_sent():
    info = FrameInfo(metadata={"note": "x" * 2048})
    with pytest.raises(FrameInvalid, match="2048"):
        codec.encode(FrameMessage(SESSION, 0, "s", np.zeros((1, 1)), info))


def test_pings_and_hellos_with_buffers_are_refused():
    for message in (Hello(SESSION), Ping(SESSION)):
        refusal([*codec.encode(message), b"x"])


def test_a_topic_needs_its_terminator():
    with pytest.raises(ValueError, match="summary"):
        codec.encode_publication("summary/a", Ping(SESSION))


def test_a_result_of_the_most_classes_members_and_warnings_still_fits_its_header():
    long = tuple(f"warning_{i}: {'ü' * 400}" for i in range(40))
    names = tuple(f"{i:02d}{'Å' * 30}" for i in range(16))
    fields = {"frame_id": 2**64 - 1, "stream": "s" * 64, "sequence": 2**40, "ensemble": "e" * 64, "ensemble_version": "v" * 64}
    result = Result(
        **fields,
        members=tuple(range(65472, 65536)),
        revision=2**40,
        plan="p" * 60,
        classes=names,
        sampling=(1 / 3, 1 / 7),
        warnings=long,
        timing=Timing(1 / 3, 1e5 / 3, 1e5 / 3, 1e5 / 3, 1e5 / 3),
        mean=np.zeros((16, 1, 1), np.float32),
        std=np.zeros((16, 1, 1), np.float32),
        atoms=AtomTable.from_records(np.zeros(0, ATOM_DTYPE)),
        member_maps=np.zeros((64, 16, 1, 1), np.float32),
    )
    read = codec.decode_server([bytes(part) for part in codec.encode(ResultMessage(result))]).result
    assert read.classes == names
    assert list(read.warnings) == [f"warning_{i}" for i in range(16)]


def hotspot_parts(records, **changes):
    """A result's parts whose table of hotspots is described as `changes` say."""
    none = HotspotTable.from_records(np.zeros(0, HOTSPOT_DTYPE))
    result = Result(1, "s", 1, "e", "1", (0,), 1, "p", ("C",), None, warnings=(), timing=Timing(), hotspots=none)
    prefix, header, _ = (bytes(part) for part in codec.encode(ResultMessage(result)))
    described = {"name": "hotspots", "dtype": HOTSPOT_DTYPE.str, "shape": [len(records)], **changes}
    return [prefix, json.dumps({**json.loads(header), "arrays": [described]}).encode(), records.tobytes()]


SPOT = (5.0, 6.0, 10.0, 1, 1.5)


def test_hotspots_of_a_kind_that_a_newer_server_knows_can_be_read():
    read = codec.decode_server(hotspot_parts(np.array([SPOT, (5.0, 6.0, 10.0, 99, 1.5)], HOTSPOT_DTYPE))).result.hotspots
    assert read.kinds == ("support", "other")


@pytest.mark.parametrize(
    ("spot", "changes"),
    [
        (SPOT, {"shape": [2]}),
        (SPOT, {"shape": [1, 1]}),
        (SPOT, {"shape": []}),
        (SPOT, {"shape": [-1, -1]}),
        (SPOT, {"dtype": "<f4", "shape": [1, 5]}),
        (SPOT, {"dtype": "|V10", "shape": [2]}),
        (SPOT, {"dtype": "hotspot"}),
        ((np.nan, 6.0, 10.0, 1, 1.5), {}),
        ((5.0, np.inf, 10.0, 1, 1.5), {}),
        ((5.0, 6.0, 0.0, 1, 1.5), {}),
        ((5.0, 6.0, 10.0, 1, np.nan), {}),
    ],
)
def test_a_malformed_table_of_hotspots_is_refused(spot, changes):
    with pytest.raises(MessageInvalid):
        codec.decode_server(hotspot_parts(np.array([spot], HOTSPOT_DTYPE), **changes))


def test_a_frame_that_does_not_say_what_it_wants_is_answered_as_it_always_was():
    assert codec.decode_client(frame_parts()).outputs == ("mean", "std", "atoms")
