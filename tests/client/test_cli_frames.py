"""A run of frames: answers meet their frames, everything is counted, pacing and interrupts leave nothing half done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from elitscope.commands.frames import paced, run_frames
from elitscope.commands.summary import Percentiles
from elitscope.errors import ServerGone
from elitscope.types import Rejection
from tests.client.runs import FakeClient, analysed, some_jobs
from tests.support.server import PATIENCE


class FakeClock:
    def __init__(self):
        self.now = 100.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def test_every_answer_meets_its_own_frame():
    seen = []
    summary = run_frames(FakeClient(analysed), some_jobs(10), [lambda answer: seen.append((answer.job.name, answer.reply.frame_id))])
    assert seen == [(f"frame-{i}", i) for i in range(10)]
    assert (summary.frames_sent, summary.results, summary.rejections, summary.unanswered) == (10, 10, 0, 0)


def test_rejections_are_counted_by_code_and_shown_to_sinks():
    def answer(frame):
        i = int(frame[0][0, 0])
        return analysed(frame) if i % 3 else Rejection(i, "haadf", "overloaded" if i else "draining", "")

    seen = []
    summary = run_frames(FakeClient(answer), some_jobs(10), [lambda answer: seen.append(type(answer.reply).__name__)])
    assert summary.rejections_by_code == {"draining": 1, "overloaded": 3}
    assert seen.count("Rejection") == summary.rejections == 4
    assert summary.frames_sent == summary.results + summary.rejections


def test_an_interrupt_ends_the_run_with_what_is_there():
    def sink(answer):
        if answer.reply.frame_id == 4:
            raise KeyboardInterrupt

    summary = run_frames(FakeClient(analysed), some_jobs(10), [sink])
    assert summary.interrupted
    assert (summary.frames_sent, summary.results, summary.unanswered) == (8, 5, 3)


def test_an_interrupt_that_python_drops_ends_the_run_too():
    """What a callback of the garbage collector raises is printed and forgotten, Ctrl-C as well. In a process that may be interrupted."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.client.interrupted"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stderr
    assert "KeyboardInterrupt" in run.stderr
    assert json.loads(run.stdout) == {"interrupted": True, "results": 5, "handler_is_back": True}


def test_a_lost_server_and_a_failing_sink_are_the_callers_business():
    def gone(frame):
        raise ServerGone("gone")

    def full(answer):
        raise OSError("disk full")

    with pytest.raises(ServerGone):
        run_frames(FakeClient(gone), some_jobs(3))
    with pytest.raises(OSError, match="disk full"):
        run_frames(FakeClient(analysed), some_jobs(3), [full])


def test_no_frames_are_a_run_too():
    summary = run_frames(FakeClient(analysed), [])
    assert (summary.frames_sent, summary.latency_ms, summary.atoms_per_frame) == (0, {}, None)
    assert summary.to_json()["frames_per_second"] == 0


def test_the_summary_holds_latencies_by_stage_warnings_and_what_made_the_results():
    clock = FakeClock()

    def answer(frame):
        clock.now += 0.5
        return analysed(frame)

    summary = run_frames(FakeClient(answer, ahead=0), some_jobs(3), clock=clock)
    assert summary.latency_ms["client"] == Percentiles(500, 500, 500, 500)
    assert summary.latency_ms["total"] == Percentiles(39, 39.8, 39.98, 40)
    assert summary.seconds == 1.5
    assert summary.frames_per_second == 2.0
    assert summary.warnings == {"sampling_outside_range": 3, "spread_uncalibrated": 3}
    assert (summary.ensembles, summary.plans, summary.atoms_per_frame) == (("toy 1.2",), ("openvino:cpu:f32:abc",), 7.0)
    assert summary.to_json()["latency_ms"]["total"] == {"p50": 39.0, "p90": 39.8, "p99": 39.98, "max": 40.0}


def test_frames_keep_their_rate():
    clock = FakeClock()
    assert len(list(paced(some_jobs(4), 10.0, clock, clock.sleep))) == 4
    assert clock.slept == pytest.approx([0.1, 0.1, 0.1])


def test_a_pause_is_followed_by_the_usual_distance_not_by_a_burst():
    clock = FakeClock()
    frames = paced(some_jobs(4), 10.0, clock, clock.sleep)
    next(frames)
    clock.now += 5
    list(frames)
    assert clock.slept == pytest.approx([0.1, 0.1])


def test_without_a_rate_nobody_waits():
    clock = FakeClock()
    list(paced(some_jobs(4), None, clock, clock.sleep))
    assert clock.slept == []
