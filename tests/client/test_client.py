"""`Client` and `AsyncClient` on real sockets, against a server whose answers are scripted."""

import asyncio
import gc
import threading

import numpy as np
import pytest

from elitscope import Client, FrameInfo, Rejection
from elitscope.aio import AsyncClient
from elitscope.connection import Connection
from elitscope.errors import FrameInvalid, Overloaded, ProtocolMismatch, ServerGone
from elitscope.messages import FrameMessage, Hello, Limits, Reject
from elitscope.session import Timings
from tests.support.scripted_server import ScriptedServer, analysed

FRAMES = [np.full((5, 7), i, np.uint16) for i in range(20)]


def test_a_frame_comes_back_analysed():
    with ScriptedServer() as server, Client(server.address, stream="haadf") as client:
        result = client.infer(FRAMES[3], sampling=0.12)
    np.testing.assert_array_equal(result.mean[0], FRAMES[3])
    assert (result.stream, result.sampling) == ("haadf", (0.12, 0.12))


def test_what_the_microscope_knows_travels_with_the_frame():
    info = FrameInfo(dwell_time=1e-6, channel="HAADF", metadata={"a": 1}, sampling=(0.2, 0.2))
    with ScriptedServer() as server, Client(server.address) as client:
        client.infer(FRAMES[0], sampling=(0.1, 0.12), info=info)
    (message,) = [m for m in server.received if isinstance(m, FrameMessage)]
    assert message.info == FrameInfo(sampling=(0.1, 0.12), dwell_time=1e-6, channel="HAADF", metadata={"a": 1})


def test_a_stream_gives_one_reply_a_frame_in_their_order():
    def script(message):
        if isinstance(message, FrameMessage) and message.frame_id % 3 == 1:
            return [Reject(message.frame_id, message.stream, "overloaded", "full")]
        return None

    with ScriptedServer(script) as server, Client(server.address) as client:
        replies = list(client.stream(iter(FRAMES)))
    assert [reply.frame_id for reply in replies] == list(range(20))
    assert [isinstance(reply, Rejection) for reply in replies] == [i % 3 == 1 for i in range(20)]
    np.testing.assert_array_equal(replies[6].mean[0], FRAMES[6])


def test_replies_that_overtake_each_other_are_put_in_order():
    held = []

    def script(message):
        if not isinstance(message, FrameMessage):
            return None
        held.append(analysed(message))
        if len(held) == 2:
            return [held.pop(), held.pop()]
        return []

    with ScriptedServer(script) as server, Client(server.address) as client:
        assert [reply.frame_id for reply in client.stream(FRAMES)] == list(range(20))


def test_a_camera_that_reuses_its_buffer_spoils_no_frame():
    buffer = np.zeros((4, 4), np.uint8)

    def camera():
        for i in range(10):
            buffer[:] = i
            yield buffer

    with ScriptedServer() as server, Client(server.address) as client:
        assert [reply.mean[0, 0, 0] for reply in client.stream(camera())] == list(range(10))


def test_a_reply_does_not_wait_for_the_next_frame():
    seen = threading.Event()

    def camera():
        yield FRAMES[0]
        assert seen.wait(120), "the first reply must come while the camera is still busy with the second frame"
        yield FRAMES[1]

    with ScriptedServer() as server, Client(server.address) as client:
        for _ in client.stream(camera()):
            seen.set()


def test_a_frame_that_can_not_be_sent_is_rejected_and_the_stream_goes_on():
    frames = [FRAMES[0], np.zeros((2, 2), complex), np.zeros(3), np.zeros((50, 50)), FRAMES[4]]
    with ScriptedServer(limits=Limits(frame_bytes=500)) as server, Client(server.address) as client:
        client.connect()
        replies = list(client.stream(frames))
    assert [reply.frame_id for reply in replies] == [0, 1, 2, 3, 4]
    assert [getattr(reply, "code", None) for reply in replies] == [None, "frame_invalid", "frame_invalid", "frame_invalid", None]


def test_an_error_of_the_source_reaches_the_caller_after_the_replies_before_it():
    def camera():
        yield FRAMES[0]
        raise OSError("the detector fell asleep")

    replies = []
    with ScriptedServer() as server, Client(server.address) as client, pytest.raises(OSError, match="asleep"):
        replies.extend(reply.frame_id for reply in client.stream(camera()))
    assert replies in ([], [0])


def test_a_stream_left_early_stops_taking_frames():
    taken = []

    def camera():
        for i in range(1000):
            taken.append(i)
            yield FRAMES[0]

    with ScriptedServer() as server, Client(server.address) as client:
        for _ in client.stream(camera()):
            break
        assert client.infer(FRAMES[1]).mean[0, 0, 0] == 1
    assert len(taken) < 20


@pytest.mark.parametrize(("code", "error"), [("overloaded", Overloaded), ("frame_invalid", FrameInvalid)])
def test_a_rejection_raises_what_its_code_stands_for(code, error):
    def script(message):
        return [Reject(message.frame_id, message.stream, code, "why")] if isinstance(message, FrameMessage) else None

    with ScriptedServer(script) as server, Client(server.address) as client:
        with pytest.raises(error, match="why") as caught:
            client.infer(FRAMES[0])
        assert caught.value.code == code
        with pytest.raises(error):
            list(client.stream(FRAMES, raise_rejections=True))


def test_a_lost_reply_is_asked_for_again():
    lost = []

    def script(message):
        if isinstance(message, FrameMessage) and not lost:
            lost.append(message.frame_id)
            return []
        return None

    with ScriptedServer(script) as server, Client(server.address) as client:
        assert client.infer(FRAMES[4]).mean[0, 0, 0] == 4
    sent = [m.frame_id for m in server.received if isinstance(m, FrameMessage)]
    assert len(sent) >= 2 and set(sent) == {0}  # an answer that takes its time is asked for once more


def test_a_restarted_server_gets_every_unanswered_frame_again():
    silent = threading.Event()

    def script(message):
        if isinstance(message, FrameMessage) and message.frame_id >= 3 and not silent.is_set():
            return []
        return None

    server = ScriptedServer(script)
    with server, Client(server.address) as client:
        replies = client.stream(FRAMES)
        assert [next(replies).frame_id for _ in range(3)] == [0, 1, 2]
        server.stop()
        silent.set()
        server.epoch = "e2"
        server.start()
        assert [reply.frame_id for reply in replies] == list(range(3, 20))


def test_a_server_that_is_not_there_is_reported_in_time():
    with Client("tcp://127.0.0.1:9", timeout=1.0) as client:
        with pytest.raises(ServerGone, match="nothing was heard"):
            client.infer(FRAMES[0])
        with pytest.raises(ServerGone):
            client.connect()


def test_a_peer_that_speaks_something_else_is_a_protocol_mismatch():
    with ScriptedServer(lambda message: [[b"HTTP/1.1 400"]]) as server, Client(server.address) as client, pytest.raises(ProtocolMismatch):
        client.infer(FRAMES[0])


def test_the_servers_limits_are_known_after_connecting():
    limits = Limits(credit_frames=2, credit_bytes=1000, frame_bytes=500, side=100)
    with ScriptedServer(limits=limits) as server, Client(server.address) as client:
        assert client.connect().limits == limits
        with pytest.raises(FrameInvalid, match="500"):
            client.infer(np.zeros((50, 50)))


def test_frames_can_be_sent_from_several_threads():
    with ScriptedServer() as server, Client(server.address) as client:
        found: dict[int, float] = {}

        def send(i):
            found[i] = client.infer(FRAMES[i]).mean[0, 0, 0]

        threads = [threading.Thread(target=send, args=(i,)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {i: i for i in range(20)}


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"stream": "HAADF"}, "HAADF"),
        ({"outputs": ["positions"]}, "positions"),
        ({"outputs": []}, "at least one"),
        ({"policy": "newest"}, "newest"),
        ({"deadline_ms": 0}, "deadline_ms 0"),
    ],
)
def test_arguments_out_of_range_are_refused_quoting_them(arguments, quoted):
    with pytest.raises(ValueError, match=quoted):
        Client("tcp://127.0.0.1:5555", **arguments)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="localhost:5555"):
        Client("localhost:5555").__enter__()


def test_a_client_that_is_not_open_says_how_to_open_it():
    with pytest.raises(RuntimeError, match="with Client"):
        Client("tcp://127.0.0.1:5555").infer(FRAMES[0])


@pytest.mark.parametrize("frame", [np.zeros(5), np.zeros((2, 2), complex), "text", np.zeros((0, 4))])
def test_what_is_no_frame_is_refused_before_it_is_sent(frame):
    with ScriptedServer() as server, Client(server.address) as client, pytest.raises(FrameInvalid):
        client.infer(frame)


@pytest.mark.parametrize("sampling", [0, -0.1, float("nan"), (0.1, 0.1, 0.1), "0.1", (0.1,)])
def test_a_sampling_that_is_none_is_refused(sampling):
    with ScriptedServer() as server, Client(server.address) as client, pytest.raises(FrameInvalid):
        client.infer(FRAMES[0], sampling=sampling)


def test_no_thread_outlives_its_client():
    with ScriptedServer() as server:
        before = set(threading.enumerate())
        with Client(server.address) as client:
            list(client.stream(FRAMES))
        assert set(threading.enumerate()) <= before


def test_the_async_client_analyses_frames_side_by_side_and_in_streams():
    async def run(address):
        async with AsyncClient(address, stream="haadf") as client:
            welcome = await client.connect()
            results = await asyncio.gather(*[client.infer(frame, sampling=0.1) for frame in FRAMES])

            async def camera():
                for frame in FRAMES:
                    await asyncio.sleep(0)
                    yield frame

            streamed = [reply.frame_id async for reply in client.stream(camera())]
            listed = [reply.frame_id async for reply in client.stream(FRAMES)]
            return welcome, [result.mean[0, 0, 0] for result in results], streamed, listed

    with ScriptedServer() as server:
        welcome, values, streamed, listed = asyncio.run(run(server.address))
    assert welcome.server == "scripted"
    assert values == list(range(20))
    assert streamed == list(range(20, 40))
    assert listed == list(range(40, 60))
    assert sum(isinstance(message, Hello) for message in server.received) == 1


def test_the_async_client_raises_what_the_source_raises():
    async def run(address):
        async def camera():
            yield FRAMES[0]
            raise OSError("asleep")

        async with AsyncClient(address) as client:
            return [reply async for reply in client.stream(camera())]

    with ScriptedServer() as server, pytest.raises(OSError, match="asleep"):
        asyncio.run(run(server.address))


def test_frames_that_are_called_off_while_they_are_refused_cost_nobody_else_an_answer():
    """A frame of an id that is under way is refused in the connection's thread, just when its caller may have given it up."""
    held = []

    def script(message):
        if not isinstance(message, FrameMessage):
            return None
        held.append(analysed(message))
        return held if message.frame_id == 1 else []

    with ScriptedServer(script) as server:
        connection = Connection(server.address, "test", Timings())
        connection.start()
        try:
            first = connection.submit(a_frame(0))
            for _ in range(300):
                connection.submit(a_frame(0)).cancel()
            assert connection.submit(a_frame(1)).result(120).frame_id == 1
            assert first.result(120).frame_id == 0
        finally:
            connection.close()


def a_frame(frame_id):
    return FrameMessage("0" * 32, frame_id, "haadf", FRAMES[0])


def test_an_asyncio_stream_that_fails_does_so_once(caplog):
    """Frames behind the one that failed have failed, too, and nobody waits for them any more: asyncio would log each."""

    async def run():
        async with AsyncClient("tcp://127.0.0.1:1", timeout=0.5) as client:
            with pytest.raises(ServerGone):
                async for _ in client.stream(FRAMES):
                    pass

    asyncio.run(run())
    gc.collect()
    assert not caplog.records
