"""What answers mean: documents into records, problem documents into exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import httpx

from elitscope.errors import CODES, ElitscopeError, NotAuthorised, rejection_error
from elitscope.rest.records import (
    AuditEntry,
    Ensemble,
    HoldInfo,
    MemberInfo,
    SelectionInfo,
    ServerStatus,
    StreamFigures,
)

_ACCEPTED, _NOT_FOUND, _UNAVAILABLE = 202, 404, 503
_DENIED = (401, 403)


def is_ready(response: httpx.Response) -> bool:
    """Whether the server says that frames can be sent."""
    return response.status_code != _UNAVAILABLE


def is_under_way(response: httpx.Response) -> bool:
    """Whether the server has begun, and is not done yet."""
    return response.status_code == _ACCEPTED


def read_status(ready: httpx.Response, ensembles: tuple[Ensemble, ...] = (), streams: tuple[StreamFigures, ...] = ()) -> ServerStatus:
    """The status from the answer about readiness, "not ready" included, and what else was asked.

    Raises:
        ElitscopeError: neither "ready" nor "not ready".
    """
    url = ready.request.url
    address = f"{url.scheme}://{url.netloc.decode()}"
    if not is_ready(ready):
        return ServerStatus(address, False, str(problem(ready)))
    document(ready)
    return ServerStatus(address, True, "", ensembles, streams)


def read_ensembles(response: httpx.Response) -> tuple[Ensemble, ...]:
    """The ensembles in an answer. Raises what its problem document says, as every reader here."""
    return tuple(_ensemble(entry) for entry in _listed(response, "ensembles"))


def read_ensemble(response: httpx.Response) -> Ensemble:
    """One ensemble."""
    return _ensemble(_mapping(response))


def read_streams(response: httpx.Response) -> tuple[StreamFigures, ...]:
    """The streams in an answer."""
    return tuple(_stream(entry) for entry in _listed(response, "streams"))


def read_selection(stream: str, response: httpx.Response) -> SelectionInfo:
    """The selection of `stream`."""
    entry = _mapping(response)
    members = entry.get("members") or ()
    hold = entry.get("hold")
    return SelectionInfo(
        stream=str(entry.get("stream", stream)),
        ensemble=str(entry.get("ensemble")),
        members=_ids(members),
        active=_ids([member for member in members if not isinstance(member, Mapping) or member.get("active")]),
        revision=int(entry.get("revision") or 0),
        author=str(entry.get("author") or ""),
        role=str(entry.get("role") or ""),
        reason=str(entry.get("reason") or ""),
        since=entry.get("since"),
        first_frame_id=entry.get("first_frame_id"),
        min_members=int(entry.get("min_members") or 1),
        preference=_ids(entry.get("preference")),
        hold=_hold(hold) if isinstance(hold, Mapping) else None,
        document=entry,
    )


def read_members(response: httpx.Response) -> tuple[MemberInfo, ...]:
    """The networks of a stream's ensemble."""
    return tuple(_member(entry) for entry in _listed(response, "members"))


def read_history(response: httpx.Response) -> tuple[AuditEntry, ...]:
    """Entries of the audit, in the server's order."""
    return tuple(_audit(entry) for entry in _listed(response, "entries"))


def next_page(response: httpx.Response) -> Optional[str]:
    """Where the list goes on, None at its end."""
    content = document(response)
    page = content.get("next") if isinstance(content, Mapping) else None
    return page if isinstance(page, str) else None


def read_monitor(response: httpx.Response) -> Mapping[str, Any]:
    """What the drift monitor says.

    Raises:
        NotReady: the server has none.
    """
    if response.status_code == _NOT_FOUND and code_of(response) in (None, "not_found"):
        raise rejection_error("monitor_unavailable", f"{response.request.url}: this server has no drift monitor")
    return _mapping(response)


def accepted(response: httpx.Response) -> None:
    """Nothing, where the answer is good; a bad one is raised."""
    if not response.is_success:
        raise problem(response)


def document(response: httpx.Response) -> Any:
    """The JSON of a good answer; a bad one is raised."""
    accepted(response)
    content = _json(response)
    if content is None:
        raise ElitscopeError(f"{response.request.url} did not answer in JSON: is this an elitscope server?")
    return content


def problem(response: httpx.Response) -> ElitscopeError:
    """The exception of an RFC 9457 problem document, or of an answer that is none (a proxy's page, say)."""
    content = _json(response)
    said = content if isinstance(content, Mapping) else {}
    answered = f"{response.request.url} answered {response.status_code} {response.reason_phrase}"
    words, code = str(said.get("detail") or said.get("title") or answered), said.get("code")
    if isinstance(code, str):
        error = rejection_error(code, words) if code in CODES else ElitscopeError(words)
        error.code = code
        return error
    if response.status_code in _DENIED:
        return NotAuthorised(f"{words}: is the token right, and does it have the scope for this?")
    return ElitscopeError(words)


def code_of(response: httpx.Response) -> Optional[str]:
    """The code of a problem document, None where it is none."""
    content = _json(response)
    code = content.get("code") if isinstance(content, Mapping) else None
    return code if isinstance(code, str) else None


def _ensemble(entry: Mapping[str, Any]) -> Ensemble:
    return Ensemble(
        name=str(entry.get("name")),
        state=str(entry.get("state", "unknown")),
        why=entry.get("why"),
        version=entry.get("version"),
        classes=tuple(_name(item) for item in entry.get("classes") or ()),
        members=_ids(entry.get("members")),
        sampling=entry.get("sampling"),
        trained_on=entry.get("trained_on"),
        document=entry,
    )


def _stream(entry: Mapping[str, Any]) -> StreamFigures:
    selection, outcomes, total = (entry.get(name) or {} for name in ("selection", "outcomes", "total"))
    return StreamFigures(
        name=str(entry.get("name")),
        ensemble=selection.get("ensemble"),
        members=_ids(selection.get("members")),
        revision=int(selection.get("revision") or 0),
        results=int(outcomes.get("result", 0)),
        rejections=sum(int(count) for outcome, count in outcomes.items() if outcome != "result"),
        rate_hz=entry.get("rate_hz"),
        queue_depth=entry.get("queue_depth"),
        p50_ms=total.get("p50_ms"),
        p99_ms=total.get("p99_ms"),
        document=entry,
    )


def _member(entry: Mapping[str, Any]) -> MemberInfo:
    frame_id = (entry.get("frame") or {}).get("frame_id")
    return MemberInfo(
        int(entry["id"]), bool(entry.get("active")), entry.get("metrics") or {}, entry.get("figures") or {}, frame_id, document=entry
    )


def _audit(entry: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        at=float(entry.get("at") or 0.0),
        revision=entry.get("revision"),
        before=_networks(entry.get("before")),
        after=_networks(entry.get("after")),
        outcome=str(entry.get("outcome") or "applied"),
        **{
            name: str(entry.get(name) or "")
            for name in ("action", "author", "role", "stream", "subject", "reason", "value", "code", "detail")
        },
        first_frame_id=entry.get("first_frame_id"),
        document=entry,
    )


def _hold(entry: Mapping[str, Any]) -> HoldInfo:
    return HoldInfo(str(entry.get("holder")), entry.get("until"), str(entry.get("reason") or ""))


def _networks(entry: Any) -> Optional[tuple[str, tuple[int, ...]]]:
    return (str(entry["ensemble"]), _ids(entry.get("members"))) if isinstance(entry, Mapping) and "ensemble" in entry else None


def _ids(members: Any) -> tuple[int, ...]:
    return tuple(int(member["id"] if isinstance(member, Mapping) else member) for member in members or ())


def _name(item: Any) -> str:
    return str(item.get("name")) if isinstance(item, Mapping) else str(item)


def _mapping(response: httpx.Response) -> Mapping[str, Any]:
    content = document(response)
    if not isinstance(content, Mapping):
        raise ElitscopeError(f"{response.request.url} answered with no document: is it an elitscope server of this version?")
    return content


def _listed(response: httpx.Response, name: str) -> list[Mapping[str, Any]]:
    """The entries of an answer that is a list, or holds one under its own name."""
    content = document(response)
    entries = content.get(name) if isinstance(content, Mapping) else content
    if not isinstance(entries, list):
        raise ElitscopeError(f"{response.request.url} answered without a list of {name}: is it an elitscope server of this version?")
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
