"""The REST API without I/O: what requests carry, and what answers mean. `control` has the two clients that do the waiting.

Objects keep what the server sent in `document`, so that what a newer server says is not lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

import httpx

from elitscope.errors import CODES, ElitscopeError, NotAuthorised, ServerGone, rejection_error
from elitscope.version import __version__

READY, ENSEMBLES, STREAMS = "/readyz", "/v1/ensembles", "/v1/streams"

_UNAVAILABLE = 503
_DENIED = (401, 403)


@dataclass(frozen=True)
class Ensemble:
    """An ensemble that the server has found. `state`: "on_disk", "loading", "ready" or "failed", then `why`; `sampling` in Å/px."""

    name: str
    state: str
    why: Optional[str] = None
    version: Optional[str] = None
    classes: tuple[str, ...] = ()
    members: tuple[int, ...] = ()
    sampling: Optional[float] = None
    trained_on: Optional[str] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class StreamFigures:
    """A stream that the server knows: the networks in force, counts since it started, and the latency of recent frames."""

    name: str
    ensemble: Optional[str] = None
    members: tuple[int, ...] = ()
    revision: int = 0
    results: int = 0
    rejections: int = 0
    rate_hz: Optional[float] = None
    queue_depth: Optional[int] = None
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ServerStatus:
    """Whether frames can be sent, and if not `why`; what there is (nothing is asked where the server is not ready)."""

    address: str
    ready: bool
    why: str = ""
    ensembles: tuple[Ensemble, ...] = ()
    streams: tuple[StreamFigures, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def headers(token: Optional[str]) -> dict[str, str]:
    """What every request says of its sender."""
    common = {"User-Agent": f"elitscope-python/{__version__}", "Accept": "application/json"}
    return common if token is None else {**common, "Authorization": f"Bearer {token}"}


def unreachable(address: str, error: httpx.HTTPError) -> ServerGone:
    """The error for a request that got no answer."""
    reason = str(error) or type(error).__name__
    return ServerGone(f"{address} does not answer ({reason}): is the server running, and is this its HTTP address?")


def is_ready(response: httpx.Response) -> bool:
    """Whether the server says that frames can be sent."""
    return response.status_code != _UNAVAILABLE


def read_status(
    address: str, ready: httpx.Response, ensembles: tuple[Ensemble, ...] = (), streams: tuple[StreamFigures, ...] = ()
) -> ServerStatus:
    """The status from the answer of `READY`, "not ready" included, and what else was asked.

    Raises:
        ElitscopeError: neither "ready" nor "not ready".
    """
    if not is_ready(ready):
        return ServerStatus(address, False, str(_problem(ready, _json(ready))))
    _document(ready)
    return ServerStatus(address, True, "", ensembles, streams)


def read_ensembles(response: httpx.Response) -> tuple[Ensemble, ...]:
    """The ensembles in an answer of `ENSEMBLES`. Raises what the answer's problem document says."""
    return tuple(_ensemble(entry) for entry in _listed(response, "ensembles"))


def read_streams(response: httpx.Response) -> tuple[StreamFigures, ...]:
    """The streams in an answer of `STREAMS`. Raises what the answer's problem document says."""
    return tuple(_stream(entry) for entry in _listed(response, "streams"))


def _ensemble(entry: Mapping[str, Any]) -> Ensemble:
    return Ensemble(
        name=str(entry.get("name")),
        state=str(entry.get("state", "unknown")),
        why=entry.get("why"),
        version=entry.get("version"),
        classes=tuple(_name(item) for item in entry.get("classes") or ()),
        members=_member_ids(entry.get("members")),
        sampling=entry.get("sampling"),
        trained_on=entry.get("trained_on"),
        document=entry,
    )


def _stream(entry: Mapping[str, Any]) -> StreamFigures:
    selection, outcomes, total = (entry.get(name) or {} for name in ("selection", "outcomes", "total"))
    return StreamFigures(
        name=str(entry.get("name")),
        ensemble=selection.get("ensemble"),
        members=_member_ids(selection.get("members")),
        revision=int(selection.get("revision") or 0),
        results=int(outcomes.get("result", 0)),
        rejections=sum(int(count) for outcome, count in outcomes.items() if outcome != "result"),
        rate_hz=entry.get("rate_hz"),
        queue_depth=entry.get("queue_depth"),
        p50_ms=total.get("p50_ms"),
        p99_ms=total.get("p99_ms"),
        document=entry,
    )


def _member_ids(members: Any) -> tuple[int, ...]:
    return tuple(int(member["id"] if isinstance(member, Mapping) else member) for member in members or ())


def _name(item: Any) -> str:
    return str(item.get("name")) if isinstance(item, Mapping) else str(item)


def _listed(response: httpx.Response, name: str) -> list[Mapping[str, Any]]:
    """The entries of an answer that is a list, or holds one under its own name."""
    document = _document(response)
    entries = document.get(name) if isinstance(document, Mapping) else document
    if not isinstance(entries, list):
        raise ElitscopeError(f"{response.request.url} answered without a list of {name}: is it an elitscope server of this version?")
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _document(response: httpx.Response) -> Any:
    """The JSON of a good answer; a bad one is raised."""
    document = _json(response)
    if not response.is_success:
        raise _problem(response, document)
    if document is None:
        raise ElitscopeError(f"{response.request.url} did not answer in JSON: is this an elitscope server?")
    return document


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _problem(response: httpx.Response, document: Any) -> ElitscopeError:
    """The exception of an RFC 9457 problem document, or of an answer that is none (a proxy's page, say)."""
    problem = document if isinstance(document, Mapping) else {}
    answered = f"{response.request.url} answered {response.status_code} {response.reason_phrase}"
    words, code = str(problem.get("detail") or problem.get("title") or answered), problem.get("code")
    if isinstance(code, str):
        error = rejection_error(code, words) if code in CODES else ElitscopeError(words)
        error.code = code
        return error
    if response.status_code in _DENIED:
        return NotAuthorised(f"{words}: is the token right, and does it have the scope for this?")
    return ElitscopeError(words)
