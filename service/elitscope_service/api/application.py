"""The HTTP application, put together."""

from __future__ import annotations

from fastapi import FastAPI

from elitscope_service.api import ensembles, health, metrics, streams
from elitscope_service.api.engine_view import EngineView
from elitscope_service.api.event_log import EventLog
from elitscope_service.api.feed import Feed
from elitscope_service.api.hosts import LoopbackOnly
from elitscope_service.api.metrics import metrics_registry
from elitscope_service.api.problems import install_problems


def create_app(view: EngineView, version: str, feed: Feed, events: EventLog) -> FastAPI:
    """The application over what is known of the engine, what it shows and what happened there. It starts nothing."""
    app = FastAPI(title="elitscope", version=version, summary="Real-time segmentation ensembles for STEM", docs_url=None, redoc_url=None)
    app.state.view = view
    app.state.feed = feed
    app.state.events = events
    app.state.metrics = metrics_registry(view)
    for module in (health, metrics, ensembles, streams):
        app.include_router(module.router)
    install_problems(app)
    app.add_middleware(LoopbackOnly)
    return app
