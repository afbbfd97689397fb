"""Events over HTTP: in the order in which they happened, to everybody, whoever else listens slowly."""

import json
import socket
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from elitscope import Client
from elitscope.rest.event_stream import EventReader
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE, RunningServer, wait_until

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)


class Ear:
    """Listens in a thread until the `with` block ends; `events` in the order in which they came."""

    def __init__(self, http, path="/v1/events", headers=()):
        where = urlsplit(http)
        self._socket = socket.create_connection((where.hostname, where.port), timeout=PATIENCE)
        lines = [f"GET {path} HTTP/1.1", f"Host: {where.netloc}", *headers, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        self.events, self.connected = [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self.connected.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._socket.close()
        assert not self._thread.is_alive()

    def _run(self):
        """Reads lines; those of the chunked transfer itself look like no field of an event."""
        reader = EventReader()
        with self._socket.makefile("r", encoding="utf-8", newline="\r\n") as lines:
            assert lines.readline().split()[1] == "200"
            while lines.readline().strip():
                pass
            while size := int(lines.readline() or "0", 16):
                for line in lines.read(size).split("\n")[:-1]:
                    self.connected.set()
                    if (event := reader.feed(line)) is not None:
                        self.events.append(event)
                lines.readline()

    def names(self, stream):
        return [event.name for event in list(self.events) if event.body.get("stream") == stream]


def stream_one(server, name, count=1):
    with Client(server.server, stream=name, outputs=("atoms",), timeout=PATIENCE) as client:
        return [client.infer(FRAME, sampling=0.1) for _ in range(count)]


def change(server, stream, **body):
    response = httpx.patch(f"{server.http}/v1/streams/{stream}/selection", json=body, timeout=PATIENCE)
    assert response.status_code == 200, response.text
    return response.json()["revision"]


def in_force(ear, stream, revision):
    """Whether the first frame of a stream under a revision has been told of."""
    told = [event.body for event in ear.events if event.name == "selection_in_force"]
    return any((body.get("stream"), body.get("revision")) == (stream, revision) for body in told)


def test_events_come_in_the_order_in_which_things_happened(server):
    with Ear(server.http) as everything, Ear(server.http, "/v1/events?stream=one") as only_one:
        stream_one(server, "one")
        stream_one(server, "two")
        revision = change(server, "one", deselect=[2], reason="fog")
        (result,) = stream_one(server, "one")
        wait_until(lambda: all(in_force(ear, "one", revision) for ear in (everything, only_one)))
        names = everything.names("one")
        assert names.index("stream_started") < names.index("selection") < len(names) - 1 - names[::-1].index("selection_in_force")
        assert everything.names("two")[0] == "stream_started"
        assert [event.body for event in only_one.events if event.body] == [
            event.body for event in everything.events if event.body.get("stream") == "one"
        ]
        applied = next(event.body for event in everything.events if event.name == "selection" and event.body["revision"] == revision)
        assert applied["stream"] == "one"
        assert result.revision == revision
    ids = [int(event.id.rpartition("-")[2]) for event in everything.events if event.body]
    assert ids == sorted(set(ids))


def test_a_listener_that_comes_back_gets_what_happened_meanwhile(server):
    with Ear(server.http) as first:
        stream_one(server, "first")
        wait_until(lambda: "stream_started" in first.names("first"))
    last = first.events[-1].id
    stream_one(server, "meanwhile")
    with Ear(server.http, headers=[f"Last-Event-ID: {last}"]) as second:
        wait_until(lambda: "stream_started" in second.names("meanwhile"))
    assert "missed" not in [event.name for event in second.events]


def test_a_listener_of_an_earlier_run_is_told_to_read_the_state_anew(server):
    with Ear(server.http, headers=["Last-Event-ID: 00000000-5"]) as ear:
        missed = wait_until(lambda: [event for event in ear.events if event.name == "missed"])
        assert missed[0].body["missed"] is None


def test_listeners_that_never_read_hold_up_nobody_and_are_limited_in_number(toy_bundles, tmp_path):
    with RunningServer("--bundles", toy_bundles, data_dir=tmp_path) as server:
        where = urlsplit(server.http)
        deaf = [socket.create_connection((where.hostname, where.port), timeout=PATIENCE) for _ in range(40)]
        try:
            for one in deaf:
                one.sendall(f"GET /v1/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            with Ear(server.http) as ear:
                stream_one(server, "busy")
                for index in range(20):
                    change(server, "busy", **({"deselect": [1]} if index % 2 == 0 else {"select": [1]}))
                wait_until(lambda: ear.names("busy").count("selection") >= 20)
                revisions = [event.body["revision"] for event in ear.events if event.name == "selection"]
                assert revisions == sorted(revisions)
            more = [socket.create_connection((where.hostname, where.port), timeout=PATIENCE) for _ in range(40)]
            deaf += more
            answers = []
            for one in more:
                one.sendall(f"GET /v1/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
                answers.append(one.recv(65536).split(b"\r\n")[0])
            assert b"HTTP/1.1 503 Service Unavailable" in answers
            assert len(stream_one(server, "still", 3)) == 3
        finally:
            for one in deaf:
                one.close()
        wait_until(lambda: httpx.get(f"{server.http}/healthz", timeout=PATIENCE).status_code == 200)
        assert server.stop() == 0


def test_a_name_that_no_stream_can_have_is_refused(server):
    response = httpx.get(f"{server.http}/v1/events", params={"stream": "A B"}, timeout=PATIENCE)
    assert (response.status_code, response.json()["code"]) == (422, "request_invalid")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_from_elsewhere_hears_nothing(server, origin):
    response = httpx.get(f"{server.http}/v1/events", headers={"Origin": origin}, timeout=PATIENCE)
    assert (response.status_code, json.loads(response.text)["code"]) == (403, "host_not_allowed")
