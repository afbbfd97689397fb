"""The HTTP application, put together."""

from __future__ import annotations

import time

import redis.asyncio
from anyio import CapacityLimiter
from fastapi import FastAPI

from elitscope_service.api import (
    audit,
    console,
    drift,
    ensembles,
    frame_pictures,
    frames,
    health,
    hold,
    listening,
    live,
    members,
    metrics,
    selection,
    sign_in,
    streams,
)
from elitscope_service.api.console import Console
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.api.gate import Doors, Gate
from elitscope_service.api.hosts import KnownHosts
from elitscope_service.api.metrics import metrics_registry
from elitscope_service.api.problems import documented, install_problems
from elitscope_service.api.receiving import Receiver
from elitscope_service.api.seats import MOST_LISTENERS, MOST_VIEWERS, Seats


def create_app(
    view: EngineView,
    version: str,
    feed: Feed,
    events: EventLog,
    doors: Doors | None = None,
    store: redis.asyncio.Redis | None = None,
    receiver: Receiver | None = None,
    pages: Console | None = None,
) -> FastAPI:
    """The application over what is known of the engine, what it shows and what happened there. It starts nothing.

    `doors`: who may come in; by default whoever is on this computer. `store`: where selections are changed and remembered; without one
    nothing can be. `receiver`: takes uploaded bundles in. `pages`: the web console, by default the one that was built.
    """
    doors = doors or Doors()
    app = FastAPI(title="elitscope", version=version, summary="Real-time segmentation ensembles for STEM", docs_url=None, redoc_url=None)
    app.state.doors = doors
    app.state.view = view
    app.state.store = store
    app.state.clock = time.monotonic
    app.state.feed = feed
    app.state.events = events
    app.state.painters = CapacityLimiter(2)
    app.state.listeners, app.state.viewers = Seats(MOST_LISTENERS), Seats(MOST_VIEWERS)
    app.state.receiver = receiver
    app.state.console = pages or Console.read()
    app.state.uploading = CapacityLimiter(2)
    app.state.metrics = metrics_registry(view)
    shown = (ensembles, streams, frames, frame_pictures, members, drift, listening, live)
    for module in (health, metrics, sign_in, *shown, selection, hold, audit):
        app.include_router(module.router, responses=documented(401, 403, 413, 429))
    app.include_router(console.router)
    install_problems(app)
    app.add_middleware(Gate, doors=doors)
    app.add_middleware(KnownHosts, names=doors.names, numbers=doors.numbers)
    return app
