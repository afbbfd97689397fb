"""What an adversary tries, while another client's stream goes on undisturbed."""

import json
import threading

import numpy as np
import pytest
import zmq

from elitscope import Client, Result, codec
from elitscope.messages import Bye, FrameMessage, Hello, Ping, Reject, ResultMessage, Welcome
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE

SHAPE = (64, 72)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
SESSION = "d" * 32
HEADER = {"session": SESSION, "frame_id": 1, "stream": "evil", "shape": [8, 8], "dtype": "|u1"}


class Peer:
    """A bare DEALER that can send anything."""

    def __init__(self, address, **options):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.socket.connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.context.term()

    def send(self, parts):
        self.socket.send_multipart(parts)

    def ask(self, message):
        self.send(message if isinstance(message, list) else codec.encode(message))
        assert self.socket.poll(120_000), f"no answer to {message!r}"
        return codec.decode_server(self.socket.recv_multipart())

    def greet(self, session=SESSION):
        assert isinstance(self.ask(Hello(session)), Welcome)
        return self


def frame(frame_id, pixels=FRAME, session=SESSION, **changes):
    return FrameMessage(session, frame_id, changes.pop("stream", "evil"), pixels, outputs=("atoms",), **changes)


def raw(pixels=bytes(64), **changes):
    header = {key: value for key, value in {**HEADER, **changes}.items() if value is not ...}
    return [codec.prefix(FrameMessage), json.dumps(header).encode(), pixels]


MALFORMED = {
    "one empty part": [b""],
    "one part": [codec.prefix(FrameMessage)],
    "two parts": raw()[:2],
    "four parts": [*raw(), b"x"],
    "a hundred thousand parts": [*raw(), *[b""] * 100_000],
    "an empty header": [codec.prefix(FrameMessage), b"", bytes(64)],
    "a huge header": [codec.prefix(FrameMessage), b" " * 1_000_000, bytes(64)],
    "a deeply nested header": [codec.prefix(FrameMessage), b"[" * 4000, bytes(64)],
    "no magic": [b"HELLO", b"{}", b""],
    "another version": [b"ELIT\x09\x02", b"{}"],
    "a server's kind": [b"ELIT\x01\x42", b"{}"],
    "shape overflow": raw(shape=[2**33, 2**33]),
    "negative sides": raw(shape=[-8, -8]),
    "zero sides": raw(shape=[0, 8]),
    "too few bytes": raw(bytes(63)),
    "too many bytes": raw(bytes(65)),
    "big-endian": raw(dtype=">f4"),
    "objects": raw(dtype="|O"),
    "void": raw(dtype="|V1"),
    "structured": raw(dtype=[["a", "<f4"]]),
    "partial": raw(partial=True, valid_rows=[0, 4]),
    "an unknown session": raw(session="e" * 32),
}

UNANALYSABLE = {
    "all NaN": np.full(SHAPE, np.nan, np.float32),
    "all inf": np.full(SHAPE, np.inf, np.float64),
}

PLAIN = {
    "constant": np.full(SHAPE, 7, np.uint8),
    "saturated": np.full(SHAPE, 65535, np.uint16),
    "mixed infinities": np.where(FRAME > 0.9, np.inf, FRAME),
    "huge numbers": FRAME.astype(np.float64) * 1e300,
    "smallest int": np.full(SHAPE, np.iinfo(np.int64).min),
    "one bright pixel": np.pad(np.array([[1e30]], np.float32), ((30, 33), (30, 41))),
}


@pytest.fixture
def bystander(server):
    """A well-behaved stream that runs while the test does; afterwards every frame of it must have been analysed, all alike."""
    begun, stop = threading.Event(), threading.Event()
    results = []

    def source():
        while not stop.is_set():
            yield FRAME
            stop.wait(0.01)

    def run():
        with Client(server.server, stream="bystander", timeout=PATIENCE) as client:
            for result in client.stream(source(), sampling=0.1):
                results.append(result)
                begun.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(PATIENCE)
    yield
    stop.set()
    thread.join()
    assert all(isinstance(result, Result) for result in results)
    plans = {result.plan for result in results}  # one by one, and once the server has compiled that, in one call
    assert len({(result.plan, result.atoms.tobytes()) for result in results}) == len(plans) <= 2
    assert [result.frame_id for result in results] == list(range(len(results)))


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_message_is_rejected_and_nobody_else_notices(server, bystander, name):
    with Peer(server.server).greet() as peer:
        reply = peer.ask(MALFORMED[name])
        assert isinstance(reply, Reject)
        assert reply.message
        assert isinstance(peer.ask(frame(2)), ResultMessage)
        peer.send(codec.encode(Bye(SESSION)))


@pytest.mark.parametrize("name", UNANALYSABLE)
def test_a_frame_without_information_is_rejected(server, bystander, name):
    with Peer(server.server).greet() as peer:
        reply = peer.ask(frame(0, UNANALYSABLE[name]))
        assert (reply.frame_id, reply.code) == (0, "frame_invalid")
        peer.send(codec.encode(Bye(SESSION)))


@pytest.mark.parametrize("name", PLAIN)
def test_a_strange_frame_gives_finite_atoms(server, bystander, name):
    with Peer(server.server).greet() as peer:
        reply = peer.ask(frame(0, PLAIN[name]))
        assert isinstance(reply, ResultMessage)
        for field in ("row", "column", "probability", "support", "area"):
            assert np.isfinite(reply.result.atoms[field]).all()
        peer.send(codec.encode(Bye(SESSION)))


def test_a_part_over_the_size_limit_disconnects_its_sender_alone(server, bystander):
    with Peer(server.server).greet() as peer:
        peer.send([codec.prefix(FrameMessage), b"{}", bytes(300 * 1024 * 1024)])
        assert not peer.socket.poll(1000) or isinstance(codec.decode_server(peer.socket.recv_multipart()), Reject)
    with Peer(server.server).greet() as peer:
        assert isinstance(peer.ask(frame(0)), ResultMessage)
        peer.send(codec.encode(Bye(SESSION)))


def test_the_same_frame_twice_is_analysed_once(server):
    with Peer(server.server).greet() as peer:
        first, second = peer.ask(frame(5)), peer.ask(frame(5))
        assert first.result.sequence == second.result.sequence
        assert first.result.atoms.tobytes() == second.result.atoms.tobytes()
        peer.send(codec.encode(Bye(SESSION)))


def test_an_id_used_again_for_other_pixels_is_refused(server):
    with Peer(server.server).greet() as peer:
        assert isinstance(peer.ask(frame(5)), ResultMessage)
        assert peer.ask(frame(5, FRAME + 1)).code == "frame_id_reused"
        peer.send(codec.encode(Bye(SESSION)))


def test_a_frame_reported_as_done_is_not_analysed_again(server):
    with Peer(server.server).greet() as peer:
        peer.ask(frame(5))
        peer.ask(Ping(SESSION, 1, done=(5,)))
        assert peer.ask(frame(5)).code == "reply_expired"
        peer.send(codec.encode(Bye(SESSION)))


def test_ids_may_come_in_any_order_and_wrap(server):
    with Peer(server.server).greet() as peer:
        for frame_id in (2**64 - 1, 0, 17, 3):
            assert peer.ask(frame(frame_id)).result.frame_id == frame_id
        peer.send(codec.encode(Bye(SESSION)))


def test_frames_beyond_the_credit_are_rejected(server):
    with Peer(server.server) as peer:
        limits = peer.ask(Hello(SESSION)).limits
        big = np.tile(FRAME, (16, 16))
        count = limits.credit_frames + 4
        for i in range(count):
            peer.send(codec.encode(frame(i, big)))
        replies = []
        while len(replies) < count and peer.socket.poll(120_000):
            replies.append(codec.decode_server(peer.socket.recv_multipart()))
        codes = sorted(r.code for r in replies if isinstance(r, Reject))
        assert len(replies) == count
        assert codes == ["credit_exceeded"] * len(codes)
        assert codes
        peer.send(codec.encode(Bye(SESSION)))


def test_two_cameras_with_one_routing_identity_both_get_their_frames(server):
    for session in ("1" * 32, "2" * 32):
        assert isinstance(same_identity_again(server.server, session), ResultMessage)


def same_identity_again(address, session, attempts=20):
    """Connects until it is greeted, as the protocol says: ZeroMQ ignores an identity whose earlier owner it has not seen leave yet."""
    for _ in range(attempts):
        with Peer(address, IDENTITY=b"camera-1") as peer:
            peer.send(codec.encode(Hello(session)))
            if peer.socket.poll(2_000):
                assert isinstance(codec.decode_server(peer.socket.recv_multipart()), Welcome)
                return peer.ask(frame(0, session=session))
    raise AssertionError(f"not greeted in {attempts} attempts")


def test_a_peer_that_never_reads_hurts_nobody(server, bystander):
    with Peer(server.server) as peer:
        peer.socket.setsockopt(zmq.RCVHWM, 1)
        peer.send(codec.encode(Hello(SESSION)))
        for i in range(200):
            peer.send(codec.encode(frame(i)))
    with Peer(server.server).greet("3" * 32) as peer:
        assert isinstance(peer.ask(frame(0, session="3" * 32)), ResultMessage)


def test_a_hundred_thousand_random_messages_leave_memory_flat(server, bystander):
    rng = np.random.default_rng(7)
    pool = [rng.bytes(int(size)) for size in rng.integers(0, 300, 200)]
    pool += [codec.prefix(kind) for kind in (Hello, FrameMessage, Ping, Bye)] * 20
    pool += [json.dumps(HEADER).encode()] * 20
    engine = server.child("engine")

    def flood(count):
        with Peer(server.server) as peer:
            for _ in range(count):
                peer.send([pool[i] for i in rng.integers(0, len(pool), rng.integers(1, 6))])
                while peer.socket.poll(0):
                    peer.socket.recv_multipart()
            peer.send(codec.encode(Hello("4" * 32)))
            while True:
                assert peer.socket.poll(120_000)
                if isinstance(codec.decode_server(peer.socket.recv_multipart()), Welcome):
                    return

    flood(20_000)
    before = engine.memory_info().rss
    flood(100_000)
    grown = engine.memory_info().rss - before
    assert grown < 32 * 1024 * 1024, f"{grown / 1e6:.1f} MB more"
