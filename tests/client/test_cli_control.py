"""The operator's commands as typed: what they ask the server, what they print, and how they end."""

import http.server
import json
import threading

import pytest

from elitscope.cli import main

SELECTION = {
    "stream": "haadf",
    "ensemble": "graphene",
    "members": [{"id": 0, "active": True}, {"id": 1, "active": False}, {"id": 2, "active": True}],
    "hold": None,
    "revision": 7,
    "author": "ana",
    "reason": "fog",
}
HELD = {**SELECTION, "hold": {"holder": "ana", "until": 0.0, "reason": "aligning"}}
MEMBERS = [
    {"id": 0, "active": True, "metrics": {"iou": 0.91}, "figures": {"fog": 0.123456, "detections": 41}},
    {"id": 1, "active": False, "metrics": {"iou": 0.5}, "figures": {"fog": None}},
]
ENTRIES = [
    {
        "at": 0.0,
        "action": "deselect",
        "author": "ana",
        "stream": "haadf",
        "reason": "fog",
        "before": {"ensemble": "graphene", "members": [0, 1, 2]},
        "after": {"ensemble": "graphene", "members": [0, 2]},
        "revision": 7,
        "first_frame_id": 31,
    },
    {"at": 1.0, "action": "load", "author": "bob", "subject": "broken", "outcome": "refused", "code": "bundle_invalid"},
]


DRIFT = {
    "stream": "haadf",
    "frame_id": 1204,
    "state": "watching",
    "age_s": 0.2,
    "stale": None,
    "scores": {"fog": 1.0, "sharpness": 0.2},
    "alarms": [{"signal": "fog", "member": 3, "text": "network 3: fog 0.31, usually 0.06, since frame 1180"}],
    "signals": {"sharpness": 0.41},
    "members": [{"id": 0, "signals": {"fog": 0.07}}, {"id": 3, "signals": {"fog": 0.31}}],
    "hotspots": [{"row": 212.0, "column": 87.0, "kind": "support"}],
    "kind": "ensemble",
    "use": "mos2",
    "reasons": ["expected F1 0.962 instead of 0.921"],
    "confidence": 0.97,
    "autopilot": {"mode": "act", "state": "held", "why": "ana holds the stream"},
}
"""Both documents in one: what the drift monitor sees, and what it would do."""


class Http:
    """A server on a real socket that answers with one document, and remembers what it was asked."""

    def __init__(self, status, document):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.command, self.path, json.loads(body) if body else None))
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, *_):
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def run(self, *words):
        return main([*words, "--http", f"http://127.0.0.1:{self._server.server_port}"])


@pytest.mark.parametrize(
    ("words", "method", "path", "body"),
    [
        ("use other --reason dose", "PUT", "selection", {"ensemble": "other", "reason": "dose"}),
        ("use other --members 0 2", "PUT", "selection", {"ensemble": "other", "members": [0, 2]}),
        ("deselect 1 2 --reason fog", "PATCH", "selection", {"deselect": [1, 2], "reason": "fog"}),
        ("select 1", "PATCH", "selection", {"select": [1]}),
        ("select all", "PUT", "selection", {"ensemble": "graphene", "members": [0, 1, 2]}),
        ("only 1 2", "PUT", "selection", {"ensemble": "graphene", "members": [1, 2]}),
        ("only 1,2", "PUT", "selection", {"ensemble": "graphene", "members": [1, 2]}),
        ("undo", "POST", "selection/undo", {}),
    ],
)
def test_a_change_of_networks_is_asked_for_and_its_outcome_told_in_one_line(words, method, path, body, capsys):
    with Http(200, SELECTION) as server:
        assert server.run(*words.split(), "--stream", "haadf") == 0
    assert server.asked[-1] == (method, f"/v1/streams/haadf/{path}", body)
    assert capsys.readouterr().out == "haadf: graphene, networks 0, 2 (not 1), revision 7\n"


def test_a_hold_says_who_and_until_when(capsys):
    with Http(200, HELD) as server:
        assert server.run("hold", "--stream", "haadf", "--minutes", "30", "--reason", "aligning") == 0
    assert server.asked[0] == ("PUT", "/v1/streams/haadf/hold", {"minutes": 30.0, "reason": "aligning"})
    out = capsys.readouterr().out
    assert "held by ana\nuntil " in out


def test_a_release_gives_the_stream_back(capsys):
    with Http(200, SELECTION) as server:
        assert server.run("release") == 0
    assert server.asked[0][:2] == ("DELETE", "/v1/streams/main/hold")
    assert "held" not in capsys.readouterr().out


def test_the_autopilot_is_set(capsys):
    with Http(200, {"mode": "advise"}) as server:
        assert server.run("autopilot", "advise", "--stream", "haadf") == 0
    assert server.asked == [("PUT", "/v1/streams/haadf/autopilot", {"mode": "advise"})]
    assert capsys.readouterr().out == "haadf: autopilot advise\n"


def test_members_are_a_table_of_figures(capsys):
    with Http(200, {"members": MEMBERS}) as server:
        assert server.run("members") == 0
    out = capsys.readouterr().out
    assert "0.123" in out
    assert "IoU" in out


def test_tables_cut_no_figure_short_in_a_terminal_of_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    figures = {"atom_agreement": 0.9871, "detections": 4355, "fog": 0.1234, "pixel_agreement": 0.9231, "probability_at_atoms": 0.9911}
    members = [{"id": i, "active": True, "metrics": {"iou": 0.84528, "loss": 0.15}, "figures": figures} for i in range(8)]
    signals = dict.fromkeys(("fog", "pixel_agreement", "short_pairs"), 0.0254)
    drift = {**DRIFT, "members": [{"id": i, "signals": signals} for i in range(8)]}
    for words, document in ((("members",), {"members": members}), (("history",), {"entries": ENTRIES}), (("drift",), drift)):
        with Http(200, document) as server:
            assert server.run(*words) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    assert [out.count(figure) for figure in ("0.987", "4355", "0.845", "0.025")] == [8, 8, 8, 24]
    assert "1970-01-01" in out or "1969-12-31" in out


def test_drift_is_alarms_signals_hotspots_and_what_to_do_about_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with Http(200, DRIFT) as server:
        assert server.run("drift", "--stream", "haadf") == 0
    assert [path for _, path, _ in server.asked] == ["/v1/streams/haadf/drift", "/v1/streams/haadf/recommendation"]
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "haadf: watching, frame 1204, 0.2 s ago",
        "network 3: fog 0.31, usually 0.06, since frame 1180",
        "signal score frame net 0 net 3",
        "fog 1.000 0.070 0.310",
        "sharpness 0.200 0.410",
        "1 hotspot: support at (212, 87) px",
        "recommendation: use ensemble mos2 (0.97 sure)",
        "expected F1 0.962 instead of 0.921",
        "autopilot: act, held: ana holds the stream",
    ]


def test_drift_that_is_not_the_present_says_so(capsys):
    with Http(200, {**DRIFT, "state": "stale", "stale": "no frame has come for 60 s", "age_s": 60.0}) as server:
        assert server.run("drift") == 0
    out = capsys.readouterr().out
    assert "stale, frame 1204, 60.0 s ago" in out
    assert "not the present: no frame has come for 60 s" in out


def test_drift_as_json_is_both_documents(capsys):
    with Http(200, DRIFT) as server:
        assert server.run("drift", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"drift": DRIFT, "recommendation": DRIFT}


def test_history_is_a_table_of_who_what_when_and_why(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with Http(200, {"entries": ENTRIES}) as server:
        assert server.run("history", "--limit", "5") == 0
    assert server.asked == [("GET", "/v1/audit?limit=5", None)]
    out = capsys.readouterr().out
    assert "graphene 0–2" in out
    assert "load: refused bundle_invalid" in out
    assert "31" in out


def test_an_empty_history_says_so(capsys):
    with Http(200, {"entries": []}) as server:
        assert server.run("history") == 0
    assert "nothing was changed yet" in capsys.readouterr().out


@pytest.mark.parametrize(("action", "query"), [("load", "?wait_s=10"), ("unload", "")])
def test_ensembles_are_managed(action, query, capsys):
    with Http(200, {"name": "toy", "state": "ready"}) as server:
        assert server.run("ensembles", action, "toy") == 0
    assert server.asked == [("POST", f"/v1/ensembles/toy/{action}{query}", None)]
    assert capsys.readouterr().out == "toy: ready\n"


def test_an_ensemble_is_deleted(capsys):
    with Http(200, {}) as server:
        assert server.run("ensembles", "delete", "toy") == 0
        assert server.run("ensembles", "delete") == 1
    output = capsys.readouterr()
    assert output.out == "toy: deleted\n"
    assert "say which one" in output.err


@pytest.mark.parametrize("words", ["use x", "deselect 1", "select 1", "only 1", "undo", "hold", "release", "autopilot off"])
def test_json_is_what_the_server_said(words, capsys):
    with Http(200, {**SELECTION, "something_new": 1}) as server:
        assert server.run(*words.split(), "--json") == 0
    assert json.loads(capsys.readouterr().out)["something_new"] == 1


@pytest.mark.parametrize(("words", "name", "entries"), [("members", "members", MEMBERS), ("history", "entries", ENTRIES)])
def test_lists_are_json_too(words, name, entries, capsys):
    with Http(200, {name: entries}) as server:
        assert server.run(words, "--json") == 0
    assert json.loads(capsys.readouterr().out) == entries


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (409, "last_member", 3),
        (423, "held", 3),
        (404, "stream_unknown", 3),
        (503, "store_unavailable", 1),
        (403, "not_authorised", 1),
        (500, "internal", 1),
    ],
)
def test_programs_tell_a_refusal_from_trouble_by_the_exit_code(status, code, exit_code, capsys):
    with Http(status, {"code": code, "detail": "in words"}) as server:
        assert server.run("deselect", "1") == exit_code
    assert capsys.readouterr().err == "elitscope: in words\n"


def test_a_change_of_which_nobody_knows_the_outcome_has_an_exit_code_of_its_own(capsys):
    with Http(504, {"code": "outcome_unknown", "detail": "in words"}) as server:
        assert server.run("deselect", "1", "--timeout", "0.3") == 4
    assert "look at what is in force" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["deselect", "deselect x", "select most", "use", "hold --minutes 0", "autopilot fly", "ensembles burn x"])
def test_arguments_that_make_no_sense_are_usage_errors(words):
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == 2
