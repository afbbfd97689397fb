"""Every call of the REST API, described once: which requests it makes, and what their answers come to.

Each is a generator that yields `Request`s and is sent the answers, so that the two clients of `elitscope.control` share all of it but the
waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional, Union
from urllib.parse import quote

from elitscope.errors import RevisionMismatch
from elitscope.rest import answers
from elitscope.rest.archive import read_archive
from elitscope.rest.records import AuditEntry, Ensemble, MemberInfo, SelectionInfo, ServerStatus, StreamFigures
from elitscope.rest.requests import Request, Steps

ALL = "all"
_TRIES = 5
_MOST_A_PAGE = 1000
_LOAD_S, _ASK_S = 600.0, 10.0
"""Seconds that loading an ensemble may take, and after which it is asked for again: networks are checked, compiled and warmed."""
_UPLOAD_S = 90.0
"""Seconds that an upload may take beyond the time-out: everything in it is checked."""

Members = Union[int, Iterable[int]]


def status() -> Steps[ServerStatus]:
    """Whether the server is ready, its ensembles and streams. A server that answers "not ready" is a result, not an error."""
    ready = yield Request("GET", "/readyz")
    if not answers.is_ready(ready):
        return answers.read_status(ready)
    found = yield from ensembles()
    return answers.read_status(ready, found, (yield from streams()))


def ensembles() -> Steps[tuple[Ensemble, ...]]:
    """Every ensemble that the server has found, in whatever state."""
    return answers.read_ensembles((yield Request("GET", "/v1/ensembles")))


def streams() -> Steps[tuple[StreamFigures, ...]]:
    """Every stream that the server knows."""
    return answers.read_streams((yield Request("GET", "/v1/streams")))


def selection(stream: str) -> Steps[SelectionInfo]:
    """The networks in force for a stream; "default" is what a new stream starts with."""
    return answers.read_selection(stream, (yield Request("GET", _of(stream, "selection"))))


def members(stream: str) -> Steps[tuple[MemberInfo, ...]]:
    """Each network of the stream's ensemble: whether it is active, and its live figures."""
    return answers.read_members((yield Request("GET", _of(stream, "members"))))


def deselect(stream: str, members: Members, *, reason: str = "", revision: Optional[int] = None) -> Steps[SelectionInfo]:
    """Take networks out of use, from the next frame on. With `revision`, only where that one is still in force.

    Raises:
        LastMember: none would stay active. NotFound: the ensemble has no such network. Held: an operator holds the stream.
        RevisionMismatch: somebody else was faster.
    """
    return (yield from _patch(stream, {"deselect": _ids(members)}, reason, revision))


def select(stream: str, members: Union[Members, str], *, reason: str = "", revision: Optional[int] = None) -> Steps[SelectionInfo]:
    """Take networks into use again, from the next frame on; "all" means every one of the ensemble. Raises as `deselect`."""
    if isinstance(members, str):
        if members != ALL:
            raise ValueError(f"members {members!r}: give ids, or {ALL!r}")
        return (yield from _relative(stream, lambda now: now.members, reason, revision))
    return (yield from _patch(stream, {"select": _ids(members)}, reason, revision))


def only(stream: str, members: Members, *, reason: str = "", revision: Optional[int] = None) -> Steps[SelectionInfo]:
    """Use these networks of the ensemble in force and no others, from the next frame on. Raises as `deselect`."""
    wanted = tuple(_ids(members))
    return (yield from _relative(stream, lambda now: wanted, reason, revision))


def use(
    stream: str, ensemble: str, members: Optional[Members] = None, *, reason: str = "", revision: Optional[int] = None
) -> Steps[SelectionInfo]:
    """Switch to another ensemble that is ready, with all of its networks or the given ones, from the next frame on.

    Raises:
        EnsembleUnavailable: it is not ready: `load` it. NotFound: there is none of that name. Otherwise as `deselect`.
    """
    body: dict[str, Any] = {"ensemble": ensemble}
    if members is not None:
        body["members"] = _ids(members)
    return (yield from _put(stream, body, reason, revision))


def undo(stream: str, *, reason: str = "", revision: Optional[int] = None) -> Steps[SelectionInfo]:
    """Go back to the selection before, as a new revision; repeated, further back.

    Raises:
        NothingToUndo: there is none, or its ensemble is gone. Otherwise as `deselect`.
    """
    path = _of(stream, "selection/undo")
    request = Request("POST", path, json=_with_reason({}, reason), headers=_if_match(revision))
    return answers.read_selection(stream, (yield request))


def hold(stream: str, minutes: Optional[float] = None, *, reason: str = "") -> Steps[SelectionInfo]:
    """Take the stream, for some minutes or until `release`: controllers' changes are refused meanwhile (`Held`)."""
    body = {} if minutes is None else {"minutes": minutes}
    return answers.read_selection(stream, (yield Request("PUT", _of(stream, "hold"), json=_with_reason(body, reason))))


def release(stream: str) -> Steps[SelectionInfo]:
    """Give the stream back to the controllers."""
    return answers.read_selection(stream, (yield Request("DELETE", _of(stream, "hold"))))


def autopilot(stream: str, mode: str, *, reason: str = "") -> Steps[Mapping[str, Any]]:
    """Let the drift monitor be "off", "advise" (recommend only) or "act" (deselect and switch by itself)."""
    return (yield from _monitor(Request("PUT", _of(stream, "autopilot"), json=_with_reason({"mode": mode}, reason))))


def drift(stream: str) -> Steps[Mapping[str, Any]]:
    """What the drift monitor sees, as the server says it. Raises NotReady where the server has no monitor."""
    return (yield from _monitor(Request("GET", _of(stream, "drift"))))


def recommendation(stream: str) -> Steps[Mapping[str, Any]]:
    """What the drift monitor would do, as the server says it. Raises NotReady where the server has no monitor."""
    return (yield from _monitor(Request("GET", _of(stream, "recommendation"))))


def history(stream: Optional[str] = None, limit: int = 100) -> Steps[tuple[AuditEntry, ...]]:
    """Who changed what, when and why: the newest `limit` entries, newest first, of one stream or of all."""
    entries: tuple[AuditEntry, ...] = ()
    page: Optional[str] = None
    while len(entries) < limit:
        params = {"limit": str(min(_MOST_A_PAGE, limit - len(entries)))}
        params.update({name: value for name, value in (("stream", stream), ("page", page)) if value is not None})
        response = yield Request("GET", "/v1/audit", params=params)
        entries += answers.read_history(response)
        page = answers.next_page(response)
        if page is None:
            break
    return entries


def load(ensemble: str, *, reason: str = "") -> Steps[Ensemble]:
    """Have an ensemble checked, compiled and warmed, so that it can be used. Answers once it is ready, or after ten minutes as it is.

    Raises:
        BundleInvalid: it can't be used, and why; everything else stays as it was. NotFound: there is none of that name.
    """
    params = {"wait_s": f"{_ASK_S:g}", **_with_reason({}, reason)}
    return (yield from _until_done(Request("POST", f"{_ensemble(ensemble)}/load", params=params)))


def unload(ensemble: str, *, reason: str = "") -> Steps[Ensemble]:
    """Give an ensemble's memory back. Raises EnsembleInUse where a stream is analysed with it."""
    return answers.read_ensemble((yield Request("POST", f"{_ensemble(ensemble)}/unload", params=_with_reason({}, reason))))


def upload(bundle: Union[str, Path]) -> Steps[Ensemble]:
    """Bring a bundle, a folder or a zip of one, to the server. Its files are checked; it is on the server's disk then, and can be loaded.

    Raises:
        BundleInvalid: it is none, or its files don't match its manifest. FileNotFoundError: there is no such folder or file.
    """
    headers = {"Content-Type": "application/zip"}
    request = Request("POST", "/v1/ensembles", content=read_archive(Path(bundle)), headers=headers, patience_s=_UPLOAD_S)
    return (yield from _until_done(request))


def delete(ensemble: str, *, reason: str = "") -> Steps[None]:
    """Remove an uploaded ensemble from the server's disk. Raises EnsembleInUse where a stream is analysed with it."""
    answers.accepted((yield Request("DELETE", _ensemble(ensemble), params=_with_reason({}, reason))))


def _until_done(request: Request) -> Steps[Ensemble]:
    """What takes longer is asked for again under the same key, which makes it the same command."""
    kept = request.with_key()
    response = yield kept
    for _ in range(int(_LOAD_S / _ASK_S)):
        if not answers.is_under_way(response):
            break
        response = yield kept
    return answers.read_ensemble(response)


def _put(stream: str, body: Mapping[str, Any], reason: str, revision: Optional[int]) -> Steps[SelectionInfo]:
    request = Request("PUT", _of(stream, "selection"), json=_with_reason(body, reason), headers=_if_match(revision))
    return answers.read_selection(stream, (yield request))


def _patch(stream: str, body: Mapping[str, Any], reason: str, revision: Optional[int]) -> Steps[SelectionInfo]:
    request = Request("PATCH", _of(stream, "selection"), json=_with_reason(body, reason), headers=_if_match(revision))
    return answers.read_selection(stream, (yield request))


def _relative(stream: str, wanted: Any, reason: str, revision: Optional[int]) -> Steps[SelectionInfo]:
    """A change of what is in force: read, then written only over what was read; once more where others changed networks in between.

    Ids mean other networks in another ensemble, so a switch in between is left to the caller.
    """
    first = now = yield from selection(stream)
    for tries_left in reversed(range(_TRIES)):
        seen = now.revision if revision is None else revision
        try:
            return (yield from _put(stream, {"ensemble": first.ensemble, "members": list(wanted(now))}, reason, seen))
        except RevisionMismatch:
            now = yield from selection(stream)
            if revision is not None or not tries_left or now.ensemble != first.ensemble:
                raise
    raise AssertionError("not reached")


def _monitor(request: Request) -> Steps[Mapping[str, Any]]:
    return answers.read_monitor((yield request))


def _of(stream: str, what: str) -> str:
    return f"/v1/streams/{quote(stream, safe='')}/{what}"


def _ensemble(name: str) -> str:
    return f"/v1/ensembles/{quote(name, safe='')}"


def _with_reason(body: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {**body, **({"reason": reason} if reason else {})}


def _ids(members: Members) -> list[int]:
    return [members] if isinstance(members, int) else [int(member) for member in members]


def _if_match(revision: Optional[int]) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}
