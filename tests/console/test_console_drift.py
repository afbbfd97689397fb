"""Drift in the console: an alarm appears on a stream that drifts, what to do is said in words, and one press does it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.browsing import opened
from tests.support.bundles import make_bundle
from tests.support.drifting import BLURS, FAST, SHARP, SMALL, Microscope
from tests.support.server import RunningServer, wait_until


def test_an_alarm_appears_and_what_is_recommended_is_done_by_one_press(browser, tmp_path):
    make_bundle(tmp_path / "b" / "toy", members=len(BLURS), blurs=BLURS, training={"parameters": {"mask_radius": 0.27}})
    with (
        RunningServer("--bundles", tmp_path / "b", data_dir=tmp_path / "data", env=FAST) as server,
        Microscope(server.server) as microscope,
        opened(browser, server.http) as console,
    ):
        console.tab("Drift")
        state, alarms = console.page.get_by_test_id("drift-state"), console.page.get_by_test_id("alarms")
        expect(state).to_contain_text("as usual")
        expect(alarms).to_have_count(0)
        console.page.get_by_role("button", name="Advise").click()
        expect(console.page.get_by_role("button", name="Advise")).to_have_attribute("aria-pressed", "true")

        microscope.sigma = SMALL
        expect(alarms).to_contain_text("usually")
        expect(state).to_contain_text("out of order")
        expect(console.page.get_by_role("tab", name=re.compile(r"Drift \d+ alarms?"))).to_be_visible()
        advice = console.page.get_by_test_id("advice")
        expect(advice).to_contain_text("Use networks")
        advice.get_by_role("button", name="Accept").click()
        expect(console.page.get_by_test_id("frame-members")).not_to_contain_text("0–4")
        wait_until(lambda: set(SHARP) <= set(microscope.results[-1].members) < set(range(5)))
        console.tab("History")
        expect(console.history.get_by_role("listitem").first).to_contain_text("recommended:")
        console.tab("Networks")
        expect(console.in_force).to_contain_text("recommended:")
