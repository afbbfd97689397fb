"""Live frames over WebSocket: what a viewer sees is what the client was answered; slow viewers get fewer and hold up nobody."""

import contextlib
import json
import socket
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from elitscope import Client
from elitscope.codec import decode_server
from elitscope_service.api.live_message import unpack_parts
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, wait_until
from tests.support.streaming import Streaming

SHAPE = (96, 128)
FRAMES = [dots(SHAPE, lattice(SHAPE), floor=0.1) * np.float32(1 + i / 4) for i in range(3)]


@contextlib.contextmanager
def watching(server, stream, query="", **options):
    address = f"{server.http.replace('http', 'ws')}/v1/streams/{stream}/live{query}"
    with connect(address, max_size=None, compression=None, **options) as websocket:
        yield websocket


def receive(websocket):
    parts = unpack_parts(websocket.recv(timeout=PATIENCE))
    return json.loads(bytes(parts[1])), decode_server(parts)


@contextlib.contextmanager
def streaming(server, stream):
    with Streaming(server.server, FRAMES, stream=stream) as running:
        wait_until(lambda: httpx.get(f"{server.http}/v1/streams/{stream}", timeout=PATIENCE).status_code == 200)
        yield running


def test_a_viewer_sees_what_the_client_was_answered(server):
    with streaming(server, "seen") as running, watching(server, "seen", "?outputs=frame,mean,std,atoms&dtype=float32") as viewer:
        seen = [receive(viewer) for _ in range(4)]
    sequences = [message.result.sequence for _, message in seen]
    assert sequences == sorted(set(sequences))
    for header, message in seen:
        result = running.results[message.result.frame_id]
        assert message.result.mean.tobytes() == result.mean.tobytes()
        assert message.result.std.tobytes() == result.std.tobytes()
        assert message.result.atoms.tobytes() == result.atoms.tobytes()
        assert np.array_equal(message.frame, FRAMES[message.result.frame_id % len(FRAMES)])
        assert (header["kind"], header["shape"]) == ("preview", list(SHAPE))


def test_members_and_small_pictures_come_as_asked_for(server):
    with streaming(server, "small") as running, watching(server, "small", "?outputs=mean,members&scale=0.5") as viewer:
        found = {}
        while set(found) != {"preview", "members"}:
            header, message = receive(viewer)
            found[header["kind"]] = message.result
    assert found["preview"].mean.shape == (1, SHAPE[0] // 2, SHAPE[1] // 2)
    maps = found["members"].member_maps
    assert (maps.shape, maps.dtype) == ((3, 1, SHAPE[0] // 2, SHAPE[1] // 2), np.uint8)
    full = running.results[found["members"].frame_id].member_maps
    assert np.abs(maps / 255 - full.reshape(3, 1, SHAPE[0] // 2, 2, SHAPE[1] // 2, 2).mean(axis=(3, 5))).max() < 0.003


def test_atoms_alone_come_for_every_frame(server):
    with streaming(server, "atoms"), watching(server, "atoms", "?outputs=atoms&rate=60") as viewer:
        seen = [receive(viewer)[1] for _ in range(2)]
        # previews come four times a second, and frames some dozen times, so that two in a row come in neither
        while seen[-1].result.sequence != seen[-2].result.sequence + 1:
            seen.append(receive(viewer)[1])
    assert all(message.frame is None and message.result.mean is None for message in seen)


def test_who_comes_after_the_last_frame_still_sees_it(server):
    with Client(server.server, stream="paused", timeout=PATIENCE) as client:
        result = client.infer(FRAMES[0], sampling=0.1)
    wait_until(lambda: httpx.get(f"{server.http}/v1/streams/paused", timeout=PATIENCE).status_code == 200)
    with watching(server, "paused") as viewer:
        _, message = receive(viewer)
    assert message.result.sequence == result.sequence


def test_a_viewer_that_does_not_read_gets_fewer_and_holds_up_nobody(server):
    with streaming(server, "slow") as running:
        with watching(server, "slow", "?dtype=float32&rate=60", max_queue=1) as slow, watching(server, "slow", "?rate=60") as quick:
            receive(slow)
            before = len(running.results)
            last = [receive(quick)[1].result.sequence for _ in range(8)][-1]
            wait_until(lambda: len(running.results) > before)
        assert httpx.get(f"{server.http}/healthz", timeout=PATIENCE).status_code == 200
    assert last > 0


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("known/live?scale=7", {}, 422, "request_invalid"),
        ("known/live?outputs=colour", {}, 422, "request_invalid"),
        ("nobody/live", {}, 404, "stream_unknown"),
        ("known/live", {"Origin": "https://evil.example"}, 403, "host_not_allowed"),
    ],
)
def test_what_can_not_be_is_refused_with_a_problem_document(server, path, headers, status, code):
    with Client(server.server, stream="known", timeout=PATIENCE) as client:
        client.infer(FRAMES[0], sampling=0.1)
    wait_until(lambda: httpx.get(f"{server.http}/v1/streams/known", timeout=PATIENCE).status_code == 200)
    where = urlsplit(server.http)
    with socket.create_connection((where.hostname, where.port)) as sock, pytest.raises(InvalidStatus) as caught:
        connect(f"ws://{where.netloc}/v1/streams/{path}", sock=sock, additional_headers=headers)
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["code"] == code
