"""A session with drift, end to end: it sets in, is told, advised on and acted upon; the operator overrides, and everything is in the audit.

The ensemble has two networks that see small atoms and four that blur them away. While atoms are large all agree; then they get so small
that all together lose every one.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from elitscope import Controller
from elitscope.errors import ElitscopeError
from elitscope.rest.records import AuditEntry, ServerEvent
from tests.support.bundles import make_bundle
from tests.support.drifting import ALL, BLURS, FAST, SHAPE, SHARP, SMALL, Microscope
from tests.support.frames import lattice
from tests.support.server import PATIENCE, RunningServer, wait_until
from tests.support.stores import StoreServer


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drifting")
    make_bundle(folder / "toy", members=len(BLURS), blurs=BLURS, training={"parameters": {"mask_radius": 0.27}})
    return folder


class Listener:
    """Every server-sent event of the stream, in order, until the server ends."""

    def __init__(self, http: str) -> None:
        self.events: list[ServerEvent] = []
        self._control = Controller(http, timeout=PATIENCE)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        """Once the server has ended."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with self._control as control:
            try:
                for event in control.events("haadf"):
                    self.events.append(event)
            except ElitscopeError:
                return

    def bodies(self, what: str) -> list[Any]:
        """What `drift` events of a kind say."""
        return [event.body for event in list(self.events) if event.name == "drift" and event.body["what"] == what]


def watched(control: Controller) -> Any:
    """What the monitor sees once it knows what is usual; None before."""
    try:
        drift = control.drift("haadf")
    except ElitscopeError:
        return None
    return drift if drift["state"] == "watching" else None


def pilot_is(control: Controller, state: str) -> bool:
    return bool(control.recommendation("haadf")["autopilot"]["state"] == state)


def told(entry: AuditEntry) -> tuple[str, str, str]:
    return entry.author, entry.action, entry.outcome


def selected(control: Controller) -> list[AuditEntry]:
    """Changes of the selection that were made, the last first."""
    return [entry for entry in control.history("haadf") if entry.action != "autopilot" and entry.outcome == "applied"]


def test_drift_is_told_advised_on_and_acted_upon_until_the_operator_overrides(bundles: Path, tmp_path: Path) -> None:
    with (
        RunningServer("--bundles", bundles, data_dir=tmp_path, env=FAST) as server,
        Controller(server.http, author="ana", timeout=PATIENCE) as control,
    ):
        listener = Listener(server.http)
        wait_until(lambda: bool(listener.events))
        with Microscope(server.server) as microscope:
            # it learns what is usual, and says nothing
            usual = wait_until(lambda: watched(control))
            assert (usual["alarms"], usual["stale"], usual["ensemble"]) == ([], None, "toy")
            control.autopilot("haadf", "advise")
            assert control.recommendation("haadf")["kind"] == "no_change"

            # drift sets in: alarms by event, then advice, and nothing is done
            microscope.sigma = SMALL
            began = wait_until(lambda: listener.bodies("began"))[0]
            assert began["alarms"][0]["text"] and began["score"] >= 1.0
            advised = wait_until(lambda: listener.bodies("recommendation"))[0]
            assert advised["kind"] == "members" and set(SHARP) <= set(advised["members"]) < set(ALL)
            assert control.drift("haadf")["alarms"]
            assert control.selection("haadf").active == ALL
            wait_until(lambda: len(microscope.results[-1].atoms) == 0)

            # the autopilot may act, and does, once
            control.autopilot("haadf", "act")
            acted = wait_until(lambda: (now := control.selection("haadf")).author == "autopilot" and now)
            assert set(SHARP) <= set(acted.active) and acted.reason
            wait_until(lambda: microscope.results[-1].members == acted.active)
            wait_until(lambda: len(microscope.results[-1].atoms) == len(lattice(SHAPE)))

            # the operator overrides, and it stands back
            overridden = control.only("haadf", [0, 5], reason="I know better")
            wait_until(lambda: pilot_is(control, "standing_back"))
            frames = len(microscope.results)
            wait_until(lambda: len(microscope.results) > frames + 60)
            assert control.selection("haadf").revision == overridden.revision

            # undo restores what was before, step by step; on a slow machine the autopilot has acted more than once, or come too late
            made = selected(control)
            assert told(made[0]) == ("ana", "only", "applied") and {entry.author for entry in made[1:]} == {"autopilot"}
            for entry in made:
                assert ("toy", control.undo("haadf").active) == entry.before
            assert control.selection("haadf").active == ALL
            wait_until(lambda: pilot_is(control, "standing_back"))

            assert [told(entry) for entry in selected(control)] == [("ana", "undo", "applied")] * len(made) + [
                told(entry) for entry in made
            ]
            first = made[-1]
            assert told(first) == ("autopilot", "deselect", "applied")
            assert first.role == "controller" and "network" in first.reason
            assert (first.before, first.after) == (("toy", ALL), ("toy", acted.active))
            assert [entry.value for entry in control.history("haadf") if entry.action == "autopilot"] == ["act", "advise"]
            metrics = httpx.get(f"{server.http}/metrics", timeout=PATIENCE).text
            assert 'elitscope_drift_score{signal="fog",stream="haadf"}' in metrics
    listener.join()


def test_a_monitor_that_dies_or_is_cut_off_touches_no_frame_and_says_so(bundles: Path, tmp_path: Path) -> None:
    with StoreServer("redis", tmp_path / "redis") as store:
        environment = {**FAST, "ELITSCOPE_REDIS_URL": store.url}
        with (
            RunningServer("--bundles", bundles, data_dir=tmp_path / "data", env=environment) as server,
            Controller(server.http, timeout=PATIENCE) as control,
        ):
            with Microscope(server.server) as microscope:
                wait_until(lambda: watched(control))
                monitor = server.child("monitor")
                monitor.send_signal(signal.SIGKILL)
                server.wait_for_child("monitor", other_than=monitor.pid)
                frames = len(microscope.results)
                wait_until(lambda: len(microscope.results) > frames + 20)
                wait_until(lambda: watched(control))

                store.kill()
                answer = httpx.get(f"{server.http}/v1/streams/haadf/drift", timeout=PATIENCE)
                assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
                frames = len(microscope.results)
                wait_until(lambda: len(microscope.results) > frames + 20)
                store.start()
                wait_until(lambda: watched(control))
            stale = wait_until(lambda: (found := control.drift("haadf"))["state"] == "stale" and found)
            assert "no frame has come" in stale["stale"] and stale["age_s"] > 5.0
            ids = [result.frame_id for result in microscope.results]
            assert ids == list(range(len(ids)))
