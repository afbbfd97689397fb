"""A console that stays open for days: ten thousand events leave no more memory taken than a few hundred."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from elitscope_service.api.application import create_app
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from tests.console.browsing import opened
from tests.support.server import PATIENCE, wait_until

EVENTS, BLOCK = 10_000, 500
GROWTH_BYTES = 2_000_000
TOLD = "count => Number(document.querySelector('.console').dataset.told) >= count"


@contextmanager
def served(events: EventLog) -> Iterator[str]:
    """The application alone, over a log that the test writes to."""
    app = create_app(EngineView(time.monotonic), "0", Feed(time.monotonic), events)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        events.close()
        server.should_exit = True
        thread.join(PATIENCE)


def test_ten_thousand_events_leave_no_memory_behind(browser):
    events = EventLog("run")
    with served(events) as address, opened(browser, address) as console:
        console.page.wait_for_selector("[data-listening=true]")
        profiler = console.page.context.new_cdp_session(console.page)

        def tell(first: int, last: int) -> None:
            for start in range(first, last, BLOCK):
                for number in range(start, start + BLOCK):
                    events.add({"event": "selection_in_force", "stream": "haadf", "revision": number, "frame_id": number})
                console.wait_for("count => Number(document.querySelector('[data-told]').dataset.told) >= count", start + BLOCK)

        def used() -> int:
            profiler.send("HeapProfiler.collectGarbage")
            return profiler.send("Runtime.getHeapUsage")["usedSize"]

        tell(0, 1000)
        before = used()
        tell(1000, EVENTS)
        assert used() - before < GROWTH_BYTES
