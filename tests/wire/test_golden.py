"""The golden messages: what other languages test against is what this codec speaks."""

import json

import numpy as np
import pytest

from elitscope import codec
from tests.wire.golden_messages import CLIENT_MESSAGES, GOLDEN, SERVER_MESSAGES, parts_of

ENTRIES = {entry["name"]: entry for entry in json.loads(GOLDEN.read_text())}


def test_the_file_holds_every_message_once():
    assert sorted(ENTRIES) == sorted([*CLIENT_MESSAGES, *SERVER_MESSAGES])


@pytest.mark.parametrize("name", [*CLIENT_MESSAGES, *SERVER_MESSAGES])
def test_messages_are_written_byte_for_byte_as_in_the_golden_file(name):
    message = {**CLIENT_MESSAGES, **SERVER_MESSAGES}[name]
    assert [part.hex() for part in parts_of(message)] == ENTRIES[name]["parts"]


@pytest.mark.parametrize("name", ENTRIES)
def test_golden_parts_are_read_back_as_the_message_that_made_them(name):
    entry = ENTRIES[name]
    parts = [bytes.fromhex(part) for part in entry["parts"]]
    decode = codec.decode_client if entry["from"] == "client" else codec.decode_server
    again = parts_of(decode(parts))
    assert again == parts


def test_a_result_read_back_has_the_arrays_that_were_sent():
    parts = [bytes.fromhex(part) for part in ENTRIES["result"]["parts"]]
    sent, read = SERVER_MESSAGES["result"].result, codec.decode_server(parts).result
    np.testing.assert_array_equal(read.mean, sent.mean)
    np.testing.assert_array_equal(read.std, sent.std)
    assert read.atoms.tobytes() == sent.atoms.tobytes()
    assert read.atoms.sampling == (0.1, 0.125)
    np.testing.assert_allclose(read.atoms.positions("angstrom")[0], [1.5 * 0.1, 2.25 * 0.125])
    assert read.hotspots is None


def test_hotspots_read_back_are_those_that_were_sent():
    parts = [bytes.fromhex(part) for part in ENTRIES["result, hotspots"]["parts"]]
    read = codec.decode_server(parts).result.hotspots
    assert read.tobytes() == SERVER_MESSAGES["result, hotspots"].result.hotspots.tobytes()
    assert read.kinds == ("support", "spread")
    assert (read["row"][0], read["column"][0], read["radius"][0], read["strength"][0]) == (1.0, 2.5, 10.0, 2.5)
