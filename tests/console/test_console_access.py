"""Whether the console can be used without a mouse, with a screen reader, and in low vision; axe-core looks for what machines can find."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.browsing import opened
from tests.console.conftest import FRAMES
from tests.support.streaming import Streaming

AXE = Path(__file__).resolve().parents[2] / "clients" / "console" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = "['serious', 'critical'].includes(found.impact)"
RUN = f"async () => (await axe.run(document, {{resultTypes: ['violations']}})).violations.filter(found => {SERIOUS})"


def violations(page):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (make console)")
    page.evaluate(AXE.read_text())
    return [f"{found['id']}: {found['help']} {[node['html'][:120] for node in found['nodes'][:3]]}" for found in page.evaluate(RUN)]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (2560, 1440), (1024, 768)])
def test_nothing_serious_stands_in_anybodys_way(browser, server, width, height):
    with Streaming(server.server, FRAMES, stream="seen"), opened(browser, server.http, width, height, stream="seen") as console:
        console.wait_live()
        console.switch(1)
        found = {"networks": violations(console.page)}
        console.page.get_by_role("button", name="Cancel").click()
        for tab in ("Drift", "History", "Health"):
            console.tab(tab)
            found[tab] = violations(console.page)
        console.page.get_by_role("button", name="Contrast").click()
        found["contrast"] = violations(console.page)
        console.page.keyboard.press("Escape")
        console.page.keyboard.press("n")
        console.page.get_by_role("button", name="Enlarge network 0").click()
        found["compare"] = violations(console.page)
        console.page.keyboard.press("Escape")
        console.page.get_by_role("button", name="Change").click()
        found["ensembles"] = violations(console.page)
        overflow = console.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert {name: those for name, those in found.items() if those} == {}
    assert overflow <= 0


def test_a_network_is_left_out_with_the_keyboard_alone(browser, server):
    with Streaming(server.server, FRAMES, stream="typed"), opened(browser, server.http, stream="typed") as console:
        console.wait_live()
        switch = console.page.get_by_role("switch", name="Network 2 in use")
        console.page.get_by_role("tab", name="Networks").focus()
        for _ in range(40):
            if switch.evaluate("element => element === document.activeElement"):
                break
            console.page.keyboard.press("Tab")
        console.page.keyboard.press("Space")
        expect(console.network(2)).to_have_attribute("data-state", "staged")
        console.page.get_by_label("Reason").focus()
        console.page.keyboard.type("by keyboard")
        console.page.keyboard.press("Enter")
        expect(console.network(2)).to_have_attribute("data-state", "inactive")
        expect(console.in_force).to_contain_text("by keyboard")
