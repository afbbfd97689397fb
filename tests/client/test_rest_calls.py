"""Every call of the control plane: what goes out, what comes back, by both controllers; what is sent again, and what never is."""

import asyncio
import inspect
import io
import json
import ssl
import zipfile

import httpx
import pytest

from elitscope import errors
from elitscope.control import AsyncController, Controller
from elitscope.rest import calls
from elitscope.rest.asking import PAUSE_S, Asking
from elitscope.rest.requests import Request, author_name
from elitscope.types import Rejection

SELECTION = {
    "stream": "haadf",
    "ensemble": "graphene",
    "members": [{"id": 0, "active": True}, {"id": 1, "active": False}, {"id": 4, "active": True}],
    "min_members": 1,
    "preference": [4, 0, 1],
    "hold": {"holder": "ana", "until": 99.5, "reason": "aligning"},
    "revision": 7,
    "author": "ana",
    "role": "operator",
    "reason": "fog",
    "since": 12.5,
    "first_frame_id": None,
}


class Recorder:
    """A server that answers everything with one document, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(status, json=document)

    @property
    def asked(self):
        return [(r.method, r.url.path, json.loads(r.content) if r.content else None) for r in self.requests]


def problem(status, code, detail="in words"):
    return status, {"status": status, "code": code, "detail": detail, "title": "t", "type": "u", "instance": "/"}


def ask(answers, name, *arguments, timeout=30.0, **keywords):
    """The same call by both controllers; their requests must be alike. Returns (result or error, the requests of one)."""
    outcomes, recorders = [], []

    async def asynchronously(server):
        async with AsyncController("http://box:1", transport=httpx.MockTransport(server), author="ana", timeout=timeout) as control:
            return await getattr(control, name)(*arguments, **keywords)

    def synchronously(server):
        with Controller("http://box:1", transport=httpx.MockTransport(server), author="ana", timeout=timeout) as control:
            return getattr(control, name)(*arguments, **keywords)

    for way in (synchronously, lambda server: asyncio.run(asynchronously(server))):
        server = Recorder(*answers)
        recorders.append(server)
        try:
            outcomes.append(way(server))
        except errors.ElitscopeError as error:
            outcomes.append(error)
    first, second = outcomes
    assert type(first) is type(second)
    if not isinstance(first, Exception):
        assert first == second
    assert recorders[0].asked == recorders[1].asked
    return first, recorders[0]


# ----------------------------------------------------------------------------------------------------- requests and results


@pytest.mark.parametrize(
    ("call", "arguments", "keywords", "method", "path", "body"),
    [
        ("selection", ["haadf"], {}, "GET", "/v1/streams/haadf/selection", None),
        ("deselect", ["haadf", [3, 7]], {"reason": "fog"}, "PATCH", "/v1/streams/haadf/selection", {"deselect": [3, 7], "reason": "fog"}),
        ("deselect", ["haadf", 3], {}, "PATCH", "/v1/streams/haadf/selection", {"deselect": [3]}),
        ("select", ["haadf", (3,)], {}, "PATCH", "/v1/streams/haadf/selection", {"select": [3]}),
        ("use", ["haadf", "other"], {}, "PUT", "/v1/streams/haadf/selection", {"ensemble": "other"}),
        ("use", ["haadf", "other", [1]], {}, "PUT", "/v1/streams/haadf/selection", {"ensemble": "other", "members": [1]}),
        ("undo", ["haadf"], {}, "POST", "/v1/streams/haadf/selection/undo", {}),
        ("use", ["a/../b", "other"], {}, "PUT", "/v1/streams/a/../b/selection", {"ensemble": "other"}),
    ],
)
def test_a_change_is_one_request_and_comes_to_the_selection_in_force(call, arguments, keywords, method, path, body):
    now, server = ask([SELECTION], call, *arguments, **keywords)
    assert server.asked == [(method, path, body)]
    assert (now.ensemble, now.members, now.active, now.inactive) == ("graphene", (0, 1, 4), (0, 4), (1,))
    assert (now.revision, now.author, now.reason, now.since, now.first_frame_id) == (7, "ana", "fog", 12.5, None)
    assert (now.hold.holder, now.hold.until, now.preference) == ("ana", 99.5, (4, 0, 1))


def test_names_can_not_leave_their_place_in_the_path():
    _, server = ask([SELECTION], "selection", "a/../b")
    assert server.requests[0].url.raw_path == b"/v1/streams/a%2F..%2Fb/selection"


def test_a_change_names_the_revision_that_it_was_decided_on():
    _, server = ask([SELECTION], "deselect", "haadf", [1], revision=6)
    assert server.requests[0].headers["If-Match"] == '"6"'


def test_only_writes_over_exactly_what_it_read():
    _, server = ask([SELECTION, SELECTION], "only", "haadf", [1, 4], reason="best")
    assert server.asked[1] == ("PUT", "/v1/streams/haadf/selection", {"ensemble": "graphene", "members": [1, 4], "reason": "best"})
    assert server.requests[1].headers["If-Match"] == '"7"'


def test_only_reads_again_where_somebody_was_faster():
    later = {**SELECTION, "revision": 8}
    now, server = ask([SELECTION, problem(412, "revision_mismatch"), later, {**later, "revision": 9}], "only", "haadf", [1])
    assert [r.headers.get("If-Match") for r in server.requests] == [None, '"7"', None, '"8"']
    assert now.revision == 9


def test_only_does_not_carry_ids_over_to_another_ensemble():
    other = {**SELECTION, "revision": 8, "ensemble": "other"}
    error, _ = ask([SELECTION, problem(412, "revision_mismatch"), other], "only", "haadf", [1])
    assert isinstance(error, errors.RevisionMismatch)


def test_all_networks_are_selected_by_one_word():
    _, server = ask([SELECTION, SELECTION], "select", "haadf", "all")
    assert server.asked[1][2] == {"ensemble": "graphene", "members": [0, 1, 4]}
    with pytest.raises(ValueError, match="'most'"), Controller(transport=httpx.MockTransport(Recorder(SELECTION))) as control:
        control.select("haadf", "most")


def test_a_hold_and_its_release_come_to_the_selection():
    now, server = ask([SELECTION], "hold", "haadf", 30, reason="aligning")
    assert server.asked == [("PUT", "/v1/streams/haadf/hold", {"minutes": 30, "reason": "aligning"})]
    assert now.hold.reason == "aligning"
    now, server = ask([{**SELECTION, "hold": None}], "release", "haadf")
    assert server.asked == [("DELETE", "/v1/streams/haadf/hold", None)]
    assert now.hold is None


def test_members_come_with_metrics_and_live_figures():
    document = {"members": [{"id": 2, "active": False, "metrics": {"iou": 0.9}, "figures": {"fog": 0.1, "agreement": None}, "new": 1}]}
    document["members"][0]["frame"] = {"frame_id": 41}
    (member,), _ = ask([document], "members", "haadf")
    assert (member.id, member.active, member.metrics, member.figures) == (2, False, {"iou": 0.9}, {"fog": 0.1, "agreement": None})
    assert (member.frame_id, member.document["new"]) == (41, 1)


def test_the_history_says_who_what_when_why_and_from_which_frame_on():
    entry = {
        "at": 5.5,
        "action": "deselect",
        "stream": "haadf",
        "author": "ana",
        "role": "operator",
        "reason": "fog",
        "before": {"ensemble": "graphene", "members": [0, 1]},
        "after": {"ensemble": "graphene", "members": [0]},
        "revision": 4,
        "outcome": "applied",
        "first_frame_id": 31,
    }
    load = {"at": 6.0, "action": "load", "subject": "other", "author": "ana", "role": "operator", "outcome": "refused", "code": "x"}
    (first, second), server = ask([{"entries": [entry, load]}], "history", "haadf", 20)
    assert dict(server.requests[0].url.params) == {"stream": "haadf", "limit": "20"}
    assert (first.before, first.after, first.revision, first.first_frame_id) == (("graphene", (0, 1)), ("graphene", (0,)), 4, 31)
    assert (first.applied, second.applied, second.subject, second.before, second.code) == (True, False, "other", None, "x")


def test_a_long_history_is_read_page_by_page():
    entry = {"at": 1.0, "action": "use", "author": "ana"}
    pages = [{"entries": [entry] * 2, "next": "9-0"}, {"entries": [], "next": "7-0"}, {"entries": [entry], "next": None}]
    entries, server = ask(pages, "history", limit=1500)
    assert len(entries) == 3
    assert [dict(request.url.params) for request in server.requests] == [
        {"limit": "1000"},
        {"limit": "1000", "page": "9-0"},
        {"limit": "1000", "page": "7-0"},
    ]
    entries, server = ask(pages, "history", limit=2)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [("drift", "GET", "drift"), ("recommendation", "GET", "recommendation"), ("autopilot", "PUT", "autopilot")],
)
def test_the_drift_monitor_is_quoted_and_its_absence_is_named(call, method, path):
    arguments = ["haadf", "advise"] if call == "autopilot" else ["haadf"]
    answer, server = ask([{"score": 0.5}], call, *arguments)
    assert answer == {"score": 0.5}
    assert server.asked[0][:2] == (method, f"/v1/streams/haadf/{path}")
    error, _ = ask([problem(404, "not_found")], call, *arguments)
    assert isinstance(error, errors.NotReady)
    assert "no drift monitor" in str(error)
    error, _ = ask([problem(404, "stream_unknown", "there is no stream 'haadf'")], call, *arguments)
    assert isinstance(error, errors.NotFound)


ENSEMBLE = {"name": "toy", "state": "ready"}


def test_ensembles_are_loaded_unloaded_and_deleted():
    loaded, server = ask([ENSEMBLE], "load", "toy")
    assert (loaded.name, loaded.state) == ("toy", "ready")
    assert server.asked == [("POST", "/v1/ensembles/toy/load", None)]
    _, server = ask([ENSEMBLE], "unload", "toy")
    assert server.asked == [("POST", "/v1/ensembles/toy/unload", None)]
    nothing, server = ask([ENSEMBLE], "delete", "toy", reason="old")
    assert dict(server.requests[0].url.params) == {"reason": "old"}
    assert nothing is None
    assert server.asked == [("DELETE", "/v1/ensembles/toy", None)]


def test_a_load_that_takes_longer_is_asked_for_again_under_the_same_key():
    loading = (202, {"name": "toy", "state": "loading"})
    loaded, server = ask([loading, loading, ENSEMBLE], "load", "toy")
    assert loaded.state == "ready"
    assert len(set(keys(server))) == 1
    assert len(server.requests) == 3
    failed, _ = ask([loading, problem(422, "bundle_invalid")], "load", "toy")
    assert isinstance(failed, errors.BundleInvalid)
    loaded, _ = ask([loading], "load", "toy")
    assert loaded.state == "loading"


def uploaded(bundle):
    bodies = []

    def server(request):
        bodies.append((request.headers["Content-Type"], request.content))
        return httpx.Response(201, json={"name": "toy", "state": "on_disk"})

    with Controller(transport=httpx.MockTransport(server)) as control:
        assert control.upload(bundle).state == "on_disk"
    ((kind, body),) = bodies
    assert kind == "application/zip"
    return body


def test_a_bundles_folder_is_uploaded_as_a_zip_and_a_zip_as_it_is(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "member-00.onnx").write_bytes(b"weights")
    (folder / ".DS_Store").write_bytes(b"x")
    body = uploaded(folder)
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.namelist() == ["manifest.json", "member-00.onnx"]
    assert archive.read("member-00.onnx") == b"weights"
    (tmp_path / "toy.zip").write_bytes(body)
    assert uploaded(str(tmp_path / "toy.zip")) == body


def test_what_is_no_bundle_is_not_uploaded(tmp_path):
    (tmp_path / "text.zip").write_text("hello")
    with Controller(transport=httpx.MockTransport(Recorder({}))) as control:
        with pytest.raises(errors.BundleInvalid, match=r"holds no manifest\.json"):
            control.upload(tmp_path)
        with pytest.raises(errors.BundleInvalid, match="is no zip file"):
            control.upload(tmp_path / "text.zip")
        with pytest.raises(FileNotFoundError):
            control.upload(tmp_path / "nowhere")


def test_events_are_read_as_they_come_until_the_server_ends():
    lines = b': hello\n\nid: 4\nevent: selection\ndata: {"stream": "haadf",\ndata: "revision": 3}\n\nevent: drift\ndata: 1\n\n'

    def server(request):
        assert request.headers["Accept"] == "text/event-stream"
        assert (request.headers["Last-Event-ID"], request.url.params["stream"]) == ("3", "haadf")
        return httpx.Response(200, content=lines)

    with Controller("http://box:1", transport=httpx.MockTransport(server)) as control:
        heard = []
        with pytest.raises(errors.ServerGone, match="ended the stream of events"):
            heard.extend(iter_into(control.events("haadf", after="3"), heard))
    assert [(event.name, event.body, event.id) for event in heard] == [
        ("open", {}, None),
        ("selection", {"stream": "haadf", "revision": 3}, "4"),
        ("drift", {"value": 1}, "4"),
    ]

    async def asynchronously():
        also = []
        async with AsyncController("http://box:1", transport=httpx.MockTransport(server)) as control:
            with pytest.raises(errors.ServerGone):
                async for event in control.events("haadf", after="3"):
                    also.append(event)  # noqa: PERF401 - the loop ends with an error
        return also

    assert asyncio.run(asynchronously()) == heard


def iter_into(events, heard):
    for event in events:
        heard.append(event)
    return []


def test_events_that_are_refused_are_an_error():
    with (
        Controller(transport=httpx.MockTransport(Recorder(problem(403, "not_authorised")))) as control,
        pytest.raises(errors.NotAuthorised),
    ):
        next(control.events())


# ------------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("row", [row for row in errors.CODES.values() if row.code != "outcome_unknown"], ids=lambda row: row.code)
def test_every_code_becomes_its_exception_with_the_servers_words(row):
    error, server = ask([problem(row.http_status, row.code, "say why")], "deselect", "haadf", [1])
    assert type(error) is row.exception
    assert (error.code, str(error)) == (row.code, "say why")
    assert len(server.requests) == 1


def test_refusals_have_a_base_of_their_own_which_trouble_has_not():
    refusals = {row.code for row in errors.CODES.values() if issubclass(row.exception, errors.Refused)}
    assert {"last_member", "held", "revision_mismatch", "ensemble_in_use", "stream_unknown", "bundle_invalid"} <= refusals
    assert not {"outcome_unknown", "store_unavailable", "not_ready", "overloaded", "internal", "not_authorised"} & refusals
    with pytest.raises(errors.Overloaded):
        Rejection(0, "s", "overloaded", "x").raise_()


# ---------------------------------------------------------------------------------------------------------- asking again


def keys(server):
    return [request.headers.get("Idempotency-Key") for request in server.requests]


def test_a_change_has_a_key_of_its_own_and_a_question_has_none():
    with Controller(transport=httpx.MockTransport(server := Recorder(SELECTION))) as control:
        control.undo("haadf")
        control.undo("haadf")
        control.selection("haadf")
    first, second, none = keys(server)
    assert first != second
    assert none is None


@pytest.mark.parametrize(
    "lost",
    [httpx.ReadError("reset"), httpx.RemoteProtocolError("gone"), httpx.ReadTimeout("slow"), problem(504, "outcome_unknown")],
    ids=lambda lost: type(lost).__name__,
)
def test_a_change_whose_outcome_is_unknown_is_asked_for_again_under_the_same_key(lost):
    now, server = ask([lost, SELECTION], "deselect", "haadf", [1])
    assert now.revision == 7
    assert len(set(keys(server))) == 1
    assert len(server.requests) == 2


def test_once_in_doubt_a_server_that_is_starting_again_is_waited_for():
    answers = [httpx.ReadError("reset"), httpx.ConnectError("refused"), problem(503, "engine_silent"), SELECTION]
    now, server = ask(answers, "deselect", "haadf", [1])
    assert now.revision == 7
    assert len(set(keys(server))) == 1


def test_a_refusal_after_a_lost_answer_is_final():
    error, _ = ask([httpx.ReadError("reset"), problem(409, "last_member")], "deselect", "haadf", [1])
    assert isinstance(error, errors.LastMember)


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow")])
def test_a_change_that_was_never_sent_is_not_in_doubt(failure):
    error, server = ask([failure], "deselect", "haadf", [1])
    assert isinstance(error, errors.ServerGone)
    assert len(server.requests) == 1


def test_a_question_is_not_repeated():
    error, server = ask([httpx.ReadError("reset")], "selection", "haadf")
    assert isinstance(error, errors.ServerGone)
    assert len(server.requests) == 1


def test_when_patience_ends_the_error_says_that_nobody_knows_and_what_to_do():
    error, _ = ask([httpx.ReadError("reset")], "deselect", "haadf", [1], timeout=0.5)
    assert isinstance(error, errors.OutcomeUnknown)
    assert "PATCH /v1/streams/haadf/selection" in str(error)
    assert "look at what is in force" in str(error)


def test_patience_is_counted_by_the_clock():
    now = [0.0]
    asking = Asking(Request("POST", "/x").with_key(), "http://box", 3 * PAUSE_S, lambda: now[0])
    for at in (0.0, PAUSE_S):
        now[0] = at
        assert asking.failed(httpx.ReadError("reset")) == PAUSE_S
    now[0] = 2 * PAUSE_S
    with pytest.raises(errors.OutcomeUnknown):
        asking.failed(httpx.ReadError("reset"))


# -------------------------------------------------------------------------------------------------------------- the sender


def headers_of(**arguments):
    with Controller(transport=httpx.MockTransport(server := Recorder(SELECTION)), **arguments) as control:
        control.selection("haadf")
    return server.requests[0].headers


def test_without_a_token_the_caller_names_itself(monkeypatch):
    monkeypatch.delenv("ELITSCOPE_TOKEN", raising=False)
    sent = headers_of(author="Ana Müller", role="controller")
    assert (sent["X-Elitscope-Author"], sent["X-Elitscope-Role"]) == ("Ana M-ller", "controller")
    assert "@" in headers_of()["X-Elitscope-Author"]


def test_with_a_token_the_key_says_who_it_is(monkeypatch):
    monkeypatch.setenv("ELITSCOPE_TOKEN", "from-environment")
    assert headers_of()["Authorization"] == "Bearer from-environment"
    sent = headers_of(token="given", author="ana")
    assert sent["Authorization"] == "Bearer given"
    assert "X-Elitscope-Author" not in sent


@pytest.mark.parametrize(
    ("given", "sent"), [("", "anonymous"), ("  x  ", "x"), ("a\r\nb", "a--b"), ("é", "anonymous"), ("a" * 99, "a" * 64)]
)
def test_a_name_holds_only_what_a_header_and_a_log_can(given, sent):
    assert author_name(given) == sent


def test_certificates_come_from_a_file_or_a_context(tmp_path):
    with pytest.raises(OSError):
        Controller("https://box:1", verify=tmp_path / "missing.pem")
    with Controller("https://box:1", verify=ssl.create_default_context()) as control:
        assert control is not None


def test_both_controllers_have_every_call_with_its_signature_and_help():
    described = {name for name, call in vars(calls).items() if inspect.isgeneratorfunction(call) and not name.startswith("_")}
    for kind in (Controller, AsyncController):
        assert described <= set(vars(kind))
        for name in described:
            method, call = getattr(kind, name), getattr(calls, name)
            assert list(inspect.signature(method).parameters) == ["self", *inspect.signature(call).parameters]
            assert method.__doc__ == call.__doc__ is not None
            assert inspect.iscoroutinefunction(method) == (kind is AsyncController)
