"""Two clients stream while everything changes under them: no frame is lost or doubled, and the audit log agrees with every reply."""

import signal

import numpy as np
import pytest

from elitscope import Controller
from elitscope.errors import NotReady, OutcomeUnknown, ServerGone, StoreUnavailable
from tests.support.changes import Bundles, RandomChanges
from tests.support.frames import dots, lattice
from tests.support.redis import RedisServer
from tests.support.server import PATIENCE, RunningServer, wait_until
from tests.support.traffic import Traffic, check_against_audit, check_answers, results_of

SHAPE = (48, 56)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)
CHANGES = 200

pytestmark = pytest.mark.timeout(900)  # loads run at the lowest priority: on a busy machine they wait for minutes

TROUBLE = (NotReady, OutcomeUnknown, ServerGone, StoreUnavailable)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    return Bundles(tmp_path_factory.mktemp("bundles"))


def test_two_hundred_random_changes_lose_no_frame_and_agree_with_the_audit(bundles, tmp_path):
    with RunningServer("--bundles", bundles.served, "--ensemble", "toy", data_dir=tmp_path) as server:
        with (
            Controller(server.http, author="chaos", timeout=PATIENCE) as control,
            Traffic(server.server, "all", "all", FRAME) as everything,
            Traffic(server.server, "newest", "latest", FRAME) as newest,
        ):
            for name in bundles.usable:
                control.load(name)
            changes = RandomChanges(control, ("all", "newest"), bundles, np.random.default_rng(20))
            for kind in changes.plan(CHANGES):
                changes.do(kind)
        with Controller(server.http, timeout=PATIENCE) as control:
            history = control.history(limit=1000)
    check_answers(everything)
    check_answers(newest, rejections=frozenset({"superseded"}))
    seen = check_against_audit(everything, history) + check_against_audit(newest, history)
    assert seen > CHANGES / 4
    unexpected = {what: n for what, n in changes.outcomes.items() if what[0] in {"load_broken", "upload_broken"} and what[1] == "done"}
    assert not unexpected
    done = {kind for kind, outcome in changes.outcomes if outcome == "done"}
    assert done >= {"deselect", "select", "only", "use", "undo", "load", "upload"}


def change_through_trouble(server, changes, count, trouble):
    """`count` changes; before the n-th of them, what `trouble` has for n happens. Waits for the server where that is what it takes."""
    for number, kind in enumerate(changes.plan(count, of_files=())):
        trouble.get(number, lambda: None)()
        try:
            changes.do(kind)
        except TROUBLE:
            wait_until(lambda: is_well(server))


def is_well(server):
    try:
        with Controller(server.http, timeout=5) as control:
            return control.status().ready
    except TROUBLE:
        return False


def kill(process):
    process.send_signal(signal.SIGKILL)


def kill_the_store(server):
    """Valkey itself, which the process that keeps it does not survive."""
    for valkey in server.child("store").children():
        kill(valkey)


def check_after(server, clients):
    """What came back agrees with the audit, and the last word is in force."""
    with Controller(server.http, timeout=PATIENCE) as control:
        history = control.history(limit=1000)
        for traffic in clients:
            check_answers(traffic, rejections=frozenset({"superseded"}))
            assert check_against_audit(traffic, history, killed=True) > 3
            last = next(entry for entry in history if entry.stream == traffic.stream and entry.applied and entry.after is not None)
            now = control.selection(traffic.stream)
            assert (now.revision, (now.ensemble, now.active)) == (last.revision, last.after)


def test_the_api_the_store_and_the_engine_are_killed_under_traffic_and_nothing_is_lost(bundles, tmp_path):
    with RunningServer("--bundles", bundles.served, "--ensemble", "toy", data_dir=tmp_path) as server:
        with (
            Controller(server.http, author="chaos", timeout=PATIENCE) as control,
            Traffic(server.server, "all", "all", FRAME) as everything,
            Traffic(server.server, "newest", "latest", FRAME) as newest,
        ):
            changes = RandomChanges(control, ("all", "newest"), bundles, np.random.default_rng(4))
            trouble = {
                10: lambda: kill(server.child("api")),
                20: lambda: kill_the_store(server),
                30: lambda: kill(server.child("engine")),
            }
            change_through_trouble(server, changes, 40, trouble)
        check_after(server, (everything, newest))
        assert len({result.epoch for result in results_of(everything)}) == 2


def test_a_redis_that_restarts_under_traffic_loses_nothing(bundles, tmp_path):
    with RedisServer(tmp_path / "redis") as redis:
        env = {"ELITSCOPE_REDIS_URL": redis.url}
        with RunningServer("--bundles", bundles.served, "--ensemble", "toy", data_dir=tmp_path / "data", env=env) as server:
            with (
                Controller(server.http, author="chaos", timeout=PATIENCE) as control,
                Traffic(server.server, "all", "all", FRAME) as everything,
                Traffic(server.server, "newest", "latest", FRAME) as newest,
            ):
                changes = RandomChanges(control, ("all", "newest"), bundles, np.random.default_rng(5))
                change_through_trouble(server, changes, 30, {10: redis.restart, 20: redis.kill_and_start})
            check_after(server, (everything, newest))
            assert len({result.epoch for result in results_of(everything)}) == 1
