"""What the routes answer with: the engine's own documents, and how fresh they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from elitscope_service.api.engine_view import EngineView, Seen
from elitscope_service.api.problems import ProblemError
from elitscope_service.status import EnsembleStatus, StreamStatus


class Fresh(BaseModel):
    """How old what follows is."""

    as_of: float = Field(description="Unix time in seconds at which the engine said so")
    stale: bool = Field(description="The engine has been silent for more than three seconds since")


class EnsembleList(Fresh):
    """The registry."""

    default: str | None = Field(description="The ensemble that a new stream starts with")
    ensembles: list[EnsembleStatus]


class Ensemble(Fresh, EnsembleStatus):
    """One ensemble."""


class StreamList(Fresh):
    """The streams that exist."""

    streams: list[StreamStatus]


class Stream(Fresh, StreamStatus):
    """One stream."""


def engine_view(connection: HTTPConnection) -> EngineView:
    """The view that the application was built with."""
    view: EngineView = connection.app.state.view
    return view


def seen_engine(view: Annotated[EngineView, Depends(engine_view)]) -> Seen:
    """The engine's last status, for routes that can't answer without one."""
    seen = view.read()
    if seen is None:
        raise ProblemError(503, "engine_silent", "nothing has been heard from the engine yet: it may still be starting")
    return seen


View = Annotated[EngineView, Depends(engine_view)]
Engine = Annotated[Seen, Depends(seen_engine)]
