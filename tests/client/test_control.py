"""`Controller` and `AsyncController`: the same answers, and every failure as one of elitscope's errors."""

import asyncio
import http.server
import json
import threading

import httpx
import pytest

from elitscope.cli import main
from elitscope.commands.ensembles import run as list_ensembles
from elitscope.commands.status import run as show_status
from elitscope.control import AsyncController, Controller
from elitscope.errors import DeadlineExceeded, ElitscopeError, NotAuthorised, ServerGone

ENSEMBLES = [
    {
        "name": "graphene",
        "state": "ready",
        "why": None,
        "version": "1.0",
        "classes": ["C", "Si"],
        "members": [{"id": 0, "metrics": {"iou": 0.9}}, {"id": 3, "metrics": {}}],
        "sampling": 0.1,
        "trained_on": "simulation",
        "something_new": 1,
    },
    {"name": "broken", "state": "failed", "why": "no such file"},
]
STREAMS = [
    {
        "name": "haadf",
        "outcomes": {"result": 41, "overloaded": 2, "superseded": 1},
        "rate_hz": 7.25,
        "queue_depth": 3,
        "selection": {"ensemble": "graphene", "members": [0, 3], "revision": 4},
        "total": {"p50_ms": 131.4, "p99_ms": None},
    }
]


def server(request):
    answers = {
        "/readyz": {"status": "ready", "epoch": "e", "ensembles": ["graphene"]},
        "/v1/ensembles": {"default": "graphene", "ensembles": ENSEMBLES, "as_of": 1.0, "stale": False},
        "/v1/streams": {"streams": STREAMS, "as_of": 1.0, "stale": False},
    }
    return httpx.Response(200, json=answers[request.url.path])


class Listening:
    """A server on a real socket that has no ensembles, and remembers what it was asked."""

    def __enter__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                content = json.dumps({"ensembles": []}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def problem(status, **document):
    return lambda request: httpx.Response(status, json=document, headers={"Content-Type": "application/problem+json"})


def both(answer, call):
    """What a call gives by `Controller` and by `AsyncController`: result or exception, which must be the same."""

    def sync():
        with Controller("http://box:8000/", transport=httpx.MockTransport(answer)) as control:
            return getattr(control, call)()

    async def asynchronous():
        async with AsyncController("http://box:8000/", transport=httpx.MockTransport(answer)) as control:
            return await getattr(control, call)()

    outcomes = []
    for attempt in (sync, lambda: asyncio.run(asynchronous())):
        try:
            outcomes.append(attempt())
        except ElitscopeError as error:
            outcomes.append(error)
    first, second = outcomes
    assert (type(first), str(first)) == (type(second), str(second))
    return first


def test_ensembles_come_with_their_state_and_makeup():
    graphene, broken = both(server, "ensembles")
    assert (graphene.name, graphene.state, graphene.members, graphene.classes) == ("graphene", "ready", (0, 3), ("C", "Si"))
    assert graphene.document["something_new"] == 1
    assert (broken.state, broken.why, broken.members) == ("failed", "no such file", ())


def test_streams_come_with_counts_selection_and_latency():
    (stream,) = both(server, "streams")
    assert (stream.name, stream.results, stream.rejections, stream.members, stream.revision) == ("haadf", 41, 3, (0, 3), 4)
    assert (stream.rate_hz, stream.queue_depth, stream.p50_ms, stream.p99_ms) == (7.25, 3, 131.4, None)


def test_a_ready_server_tells_everything():
    status = both(server, "status")
    assert (status.ready, status.why, status.address) == (True, "", "http://box:8000")
    assert [stream.name for stream in status.streams] == ["haadf"]


def test_not_being_ready_is_an_answer_with_a_reason():
    status = both(problem(503, code="not_ready", detail="no ensemble is ready: graphene loading"), "status")
    assert (status.ready, status.why) == (False, "no ensemble is ready: graphene loading")


@pytest.mark.parametrize(
    ("answer", "kind", "code", "words"),
    [
        (problem(403, code="not_authorised", detail="needs scope read"), NotAuthorised, "not_authorised", "needs scope read"),
        (problem(504, code="deadline_exceeded", detail="too late"), DeadlineExceeded, "deadline_exceeded", "too late"),
        (problem(409, code="last_member", detail="one must stay"), ElitscopeError, "last_member", "one must stay"),
        (problem(418, title="teapot"), ElitscopeError, "internal", "teapot"),
        (lambda request: httpx.Response(401, text="no"), NotAuthorised, "not_authorised", "token"),
        (lambda request: httpx.Response(502, text="<html>"), ElitscopeError, "internal", "http://box:8000/v1/streams answered 502"),
        (lambda request: httpx.Response(200, text="<html>"), ElitscopeError, "internal", "is this an elitscope server?"),
        (lambda request: httpx.Response(200, json={"other": 1}), ElitscopeError, "internal", "without a list of streams"),
        (lambda request: httpx.Response(302, headers={"Location": "/login"}), ElitscopeError, "internal", "answered 302"),
    ],
)
def test_failures_are_elitscopes_errors(answer, kind, code, words):
    error = both(answer, "streams")
    assert isinstance(error, kind)
    assert error.code == code
    assert words in str(error)


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("")])
def test_silence_is_a_server_that_is_gone(failure):
    def silent(request):
        raise failure

    error = both(silent, "ensembles")
    assert isinstance(error, ServerGone)
    assert "http://box:8000 does not answer" in str(error)


def test_this_computer_is_asked_without_the_proxies_that_lead_elsewhere(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Listening() as here, Controller(here.address) as control:
        assert control.ensembles() == ()
    assert here.asked == ["/v1/ensembles"]


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "gpu-box:8000", "tcp://gpu-box:5555", ""])
def test_an_address_of_another_form_is_refused_in_words(address):
    for make in (Controller, AsyncController):
        with pytest.raises(ValueError, match="write it as http://host:8000"):
            make(address)


def test_the_token_travels_as_a_bearer():
    seen = []

    def note(request):
        seen.append(request.headers.get("Authorization"))
        return server(request)

    for token in ("secret", None):
        with Controller(token=token, transport=httpx.MockTransport(note)) as control:
            control.streams()
    assert seen == ["Bearer secret", None]


# -------------------------------------------------------------------------------------------------------------- commands


class Options:
    http, token, ca, json, stream, action = "http://box:8000", None, None, False, None, None


def controller(answer):
    return lambda args: Controller(args.http, transport=httpx.MockTransport(answer))


def test_status_is_shown_as_tables(capsys):
    assert show_status(Options(), controller(server)) == 0
    out = capsys.readouterr().out
    assert "http://box:8000: ready" in out
    assert "haadf" in out


def test_status_of_a_server_that_is_not_ready_gives_exit_code_three(capsys):
    assert show_status(Options(), controller(problem(503, code="not_ready", detail="still loading"))) == 3
    assert "still loading" in capsys.readouterr().out


def test_ensembles_are_shown_as_a_table_with_what_went_wrong(capsys):
    assert list_ensembles(Options(), controller(server)) == 0
    out = capsys.readouterr().out
    assert "graphene" in out
    assert "no such file" in out


@pytest.mark.parametrize(("stream", "streams", "ensembles"), [("haadf", ["haadf"], ["graphene"]), ("other", [], [])])
def test_a_stream_can_be_asked_for(capsys, stream, streams, ensembles):
    options = Options()
    options.json, options.stream = True, stream
    show_status(options, controller(server))
    assert [found["name"] for found in json.loads(capsys.readouterr().out)["streams"]] == streams
    list_ensembles(options, controller(server))
    assert [found["name"] for found in json.loads(capsys.readouterr().out)] == ensembles


def test_no_ensembles_say_what_to_do(capsys):
    list_ensembles(Options(), controller(lambda request: httpx.Response(200, json={"ensembles": []})))
    assert "--bundles" in capsys.readouterr().out


def test_both_commands_print_json(capsys):
    options = Options()
    options.json = True
    list_ensembles(options, controller(server))
    assert json.loads(capsys.readouterr().out) == ENSEMBLES
    show_status(options, controller(server))
    told = json.loads(capsys.readouterr().out)
    assert (told["ready"], told["streams"][0]["results"]) == (True, 41)


def test_a_server_that_is_not_there_is_one_line_and_exit_code_one(capsys):
    assert main(["status", "--http", "http://127.0.0.1:9"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("elitscope: http://127.0.0.1:9 does not answer")
    assert err.count("\n") == 1
