"""The API's ear on the engine: real sockets, from the engine's first status to its restart at the same address."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import zmq

from elitscope.codec import encode_publication
from elitscope.messages import ResultMessage, Status
from elitscope_service.api.engine_view import EngineView, Seen
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.watcher import EngineWatcher
from tests.service.builders import SESSION, frame
from tests.service.wire import Peer, RunningEngine

PATIENCE_S = 120.0


@pytest.fixture
def view() -> EngineView:
    return EngineView(time.monotonic)


@pytest.fixture
def events() -> EventLog:
    return EventLog("run")


@pytest.fixture
def watcher(view: EngineView, events: EventLog) -> Iterator[EngineWatcher]:
    thread = EngineWatcher(view, events)
    thread.start()
    yield thread
    thread.stop()
    assert thread.join(PATIENCE_S)
    assert thread.failure is None


def seen(view: EngineView, wanted: Callable[[Seen], bool]) -> Seen:
    """Wait until the view shows what is wanted."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = view.read()
        if found is not None and wanted(found):
            return found
        time.sleep(0.01)
    raise AssertionError(f"never seen; last: {view.read()}")


def test_it_sees_what_the_engine_does(start_engine: Callable[..., RunningEngine], view: EngineView, watcher: EngineWatcher) -> None:
    engine = start_engine()
    watcher.watch(engine.publish)
    watcher.watch(engine.publish)
    assert seen(view, lambda s: not s.stale).status.epoch == engine.engine.epoch
    with Peer(engine.bind).greet(SESSION) as peer:
        assert isinstance(peer.ask(frame()), ResultMessage)
    found = seen(view, lambda s: bool(s.status.streams) and s.status.streams[0].outcomes == {"result": 1})
    assert found.status.streams[0].name == "haadf"


def test_it_finds_the_engine_again_at_the_same_address(
    start_engine: Callable[..., RunningEngine], view: EngineView, watcher: EngineWatcher
) -> None:
    first = start_engine()
    watcher.watch(first.publish)
    seen(view, lambda s: s.status.epoch == first.engine.epoch)
    first.close()
    second = start_engine(publish=first.publish)
    assert seen(view, lambda s: s.status.epoch == second.engine.epoch).status.epoch != first.engine.epoch


def test_what_it_can_not_read_is_passed_over(
    start_engine: Callable[..., RunningEngine], view: EngineView, watcher: EngineWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start_engine()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    liar = context.socket(zmq.XPUB)
    liar.setsockopt(zmq.LINGER, 0)
    port = liar.bind_to_random_port("tcp://127.0.0.1")
    try:
        watcher.watch(f"tcp://127.0.0.1:{port}")
        assert liar.poll(PATIENCE_S * 1e3)
        liar.send_multipart([b"status/", b"nonsense"])
        liar.send_multipart(encode_publication("status/", Status({"epoch": 5})))
        watcher.watch(engine.publish)
        assert seen(view, lambda s: True).status.epoch == engine.engine.epoch
    finally:
        liar.close()
        context.term()


def test_events_are_kept_in_the_order_in_which_they_happened(
    start_engine: Callable[..., RunningEngine], view: EngineView, watcher: EngineWatcher, events: EventLog
) -> None:
    engine = start_engine()
    watcher.watch(engine.publish)
    seen(view, lambda s: True)
    with Peer(engine.bind).greet(SESSION) as peer:
        for index, stream in enumerate(("haadf", "bf")):
            assert isinstance(peer.ask(frame(index, stream=stream)), ResultMessage)
    seen(view, lambda s: len(s.status.streams) == 2)
    started = [event.body["stream"] for event in events.since(0)[0] if event.body["event"] == "stream_started"]
    assert started == ["haadf", "bf"]
