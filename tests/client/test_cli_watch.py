"""What `elitscope watch` makes of publications."""

import json

import numpy as np
import zmq

from elitscope.cli import main
from elitscope.codec import encode_publication
from elitscope.commands.watch import HEADINGS, Board, event_text
from elitscope.commands.watch import run as watch
from elitscope.messages import Event, ResultMessage, Status
from tests.client.analysed import a_result, some_hotspots

STATUS = {
    "server": "elitscope-server 0.1.0",
    "ensembles": [{"name": "graphene", "state": "ready"}],
    "streams": [
        {
            "name": "haadf",
            "outcomes": {"result": 41, "overloaded": 2, "superseded": 1},
            "rate_hz": 7.25,
            "queue_depth": 3,
            "selection": {"ensemble": "graphene", "members": [0, 1, 5]},
            "total": {"p50_ms": 131.4, "p99_ms": 190.2},
        }
    ],
}
SUMMARY = ResultMessage(a_result(9, mean=None, std=None, member_maps=None))


class Options:
    publish, once, json = "tcp://127.0.0.1:1", True, False


def row_of(board, stream="haadf"):
    return next(dict(zip(HEADINGS, row, strict=True)) for row in board.rows() if row[0] == stream)


def test_a_row_joins_the_status_with_the_last_result():
    board = Board()
    board.hear(Status(STATUS))
    board.hear(SUMMARY)
    row = row_of(board)
    expected = {"ensemble": "graphene", "members": "0, 1, 5", "frames": "41", "rejected": "3", "fps": "7.2", "queue": "3"}
    assert {key: row[key] for key in expected} == expected
    assert (row["p50/p99 ms"], row["atoms"], row["σ px"]) == ("131/190", "7", "0.14")
    assert list(board.warnings()) == ["haadf: sampling_outside_range: 0.1 Å/px; spread_uncalibrated"]


def test_a_result_before_any_status_has_a_row_and_so_has_a_stream_without_results():
    board = Board()
    board.hear(SUMMARY)
    assert (row_of(board)["ensemble"], row_of(board)["members"]) == ("toy", "0, 2, 5")
    board = Board()
    board.hear(Status(STATUS))
    assert row_of(board)["atoms"] == ""


def test_a_newer_servers_status_with_less_in_it_is_still_shown():
    board = Board()
    board.hear(Status({"streams": [{"name": "haadf", "selection": None}]}))
    assert row_of(board)["frames"] == "0"


def test_only_the_last_events_are_kept():
    board = Board()
    for i in range(20):
        board.hear(Event({"event": "stream_started", "stream": f"s{i}"}))
    assert list(board.events)[-1] == "stream_started stream=s19"
    assert len(board.events) < 10


def test_an_event_shows_its_time_and_everything_it_says():
    text = event_text({"at": 1.5e9, "event": "selection", "stream": "haadf", "revision": 4, "reason": None})
    assert text.endswith("selection stream=haadf revision=4")
    assert text[2] == text[5] == ":"


def test_once_prints_one_table(capsys):
    assert watch(Options(), lambda address: iter([("summary/haadf/", SUMMARY), ("status/", Status(STATUS)), ("never/", None)])) == 0
    out = capsys.readouterr().out
    assert "haadf" in out
    assert "graphene ready" in out


def test_json_prints_a_line_a_publication(capsys):
    options = Options()
    options.json = True
    published = [("event/", Event({"event": "stream_started"})), ("summary/haadf/", SUMMARY), ("status/", Status(STATUS)), ("never/", None)]
    assert watch(options, lambda address: iter(published)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["topic"] for line in lines] == ["event/", "summary/haadf/", "status/"]
    assert (lines[1]["atoms"], lines[1]["stream"], lines[2]["streams"][0]["rate_hz"]) == (7, "haadf", 7.25)


def test_the_live_table_ends_with_its_publications(capsys):
    options = Options()
    options.once = False
    assert watch(options, lambda address: iter([("status/", Status(STATUS)), ("summary/haadf/", SUMMARY)])) == 0
    shown = capsys.readouterr()
    assert "haadf" in shown.out
    assert "no terminal to draw in" in shown.err


def test_watch_listens_on_a_real_socket(capsys):
    context = zmq.Context()
    with context.socket(zmq.XPUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        import threading

        def publish():
            for _ in range(3):  # one subscription a topic
                socket.recv()
            socket.send_multipart(encode_publication("status/", Status(STATUS)))

        publisher = threading.Thread(target=publish)
        publisher.start()
        assert main(["watch", "--once", "--json", "--publish", f"tcp://127.0.0.1:{port}"]) == 0
        publisher.join()
    context.term()
    assert json.loads(capsys.readouterr().out)["server"] == STATUS["server"]


def test_numbers_of_a_result_without_atoms_are_empty():
    board = Board()
    board.hear(ResultMessage(a_result(1, atoms=0, mean=np.zeros((2, 4, 4), np.float32))))
    assert (row_of(board)["atoms"], row_of(board)["σ px"]) == ("0", "")


FIGURES = {
    "event": "drift",
    "what": "figures",
    "stream": "haadf",
    "at": 100.0,
    "state": "watching",
    "score": 1.0,
    "alarms": ["network 3: fog 0.31, usually 0.06, since frame 1180"],
    "alarm_count": 7,
    "hotspots": [{"row": 212.0, "column": 87.0, "radius": 6.0, "kind": "support", "strength": 1.8}],
    "hotspot_count": 2,
    "recommendation": {"kind": "members", "members": [0, 1, 2], "use": None, "reasons": ["fog"], "confidence": 0.97},
    "autopilot": {"mode": "act", "state": "held", "why": "ana holds the stream"},
}


def test_drift_is_shown_beside_a_stream_and_its_alarms_and_advice_below():
    board = Board()
    board.hear(Status({**STATUS, "at": 101.0}))
    board.hear(Event(FIGURES))
    assert row_of(board)["drift"] == "1.00!"
    assert list(board.drifting()) == [
        "haadf: network 3: fog 0.31, usually 0.06, since frame 1180",
        "haadf: and 6 more alarms",
        "haadf: use networks 0–2 (0.97 sure): fog (autopilot: act, held)",
    ]
    assert not board.events


def test_hotspots_of_the_last_frame_are_told_and_gone_with_the_next_one():
    board = Board()
    board.hear(ResultMessage(a_result(1, hotspots=some_hotspots())))
    assert list(board.doubts()) == ["haadf: 2 hotspots: support at (10, 4) px, spread at (6, 20) px"]
    board.hear(ResultMessage(a_result(2, hotspots=some_hotspots()[:0])))
    assert list(board.doubts()) == []


def test_drift_figures_that_are_old_are_not_shown_as_the_present():
    board = Board()
    board.hear(Status({**STATUS, "at": 120.0}))
    board.hear(Event(FIGURES))
    assert row_of(board)["drift"] == "1.00! (old)"
    assert list(board.drifting()) == []


def test_a_stream_whose_usual_figures_are_being_learned_has_no_score_yet():
    board = Board()
    board.hear(Status({**STATUS, "at": 100.0}))
    board.hear(Event({**FIGURES, "state": "learning", "score": 0.0, "alarms": [], "alarm_count": 0}))
    assert row_of(board)["drift"] == "learning"


def test_drift_events_are_told_in_words():
    board = Board()
    alarm = {"signal": "fog", "member": 3, "text": "network 3: fog 0.31, usually 0.06, since frame 1180"}
    for body in (
        {"what": "began", "alarms": [alarm], "count": 3},
        {"what": "hotspots", "frame_id": 7, "hotspots": FIGURES["hotspots"], "count": 1},
        {"what": "recommendation", **FIGURES["recommendation"]},
        {"what": "recommendation", "kind": "ensemble", "use": "mos2", "reasons": []},
        {"what": "something newer"},
    ):
        board.hear(Event({"event": "drift", "stream": "haadf", **body}))
    assert list(board.events) == [
        "haadf: drift began: network 3: fog 0.31, usually 0.06, since frame 1180, and 2 more",
        "haadf: 1 hotspot in frame 7: support at (212, 87) px",
        "haadf: recommendation: use networks 0–2 (0.97 sure): fog",
        "haadf: recommendation: use ensemble mos2",
        "haadf: drift something newer",
    ]
