"""Networks in the console: what an operator presses is what the next frames are analysed with."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.browsing import opened
from tests.console.conftest import FRAMES
from tests.support.server import PATIENCE, wait_until
from tests.support.streaming import Streaming


def first_result_under(streaming, revision):
    """The first result of a revision, waited for."""
    return wait_until(lambda: next((result for _, result in sorted(streaming.results.items()) if result.revision >= revision), None))


def revision_in_force(console):
    return int(re.search(r"Revision (\d+)", console.in_force.inner_text()).group(1))


def test_deselected_networks_are_not_in_the_next_result_and_come_back_by_undo(browser, server):
    with Streaming(server.server, FRAMES, stream="pressed") as streaming, opened(browser, server.http, stream="pressed") as console:
        console.wait_live()
        before = revision_in_force(console)
        console.switch(1)
        console.switch(3)
        expect(console.network(3)).to_have_attribute("data-state", "staged")
        console.apply("fog")
        expect(console.network(3)).to_have_attribute("data-state", "inactive")
        expect(console.in_force).to_have_text(re.compile(rf"Revision {before + 1} in force since frame \d+.*: fog"))
        result = first_result_under(streaming, before + 1)
        assert result.members == (0, 2)
        began = int(re.search(r"since frame (\d+)", console.in_force.inner_text()).group(1))
        assert began == result.frame_id
        expect(console.page.get_by_test_id("frame-members")).to_have_text("networks 0, 2 of toy")
        console.page.get_by_role("button", name="Undo").click()
        expect(console.network(3)).to_have_attribute("data-state", "active")
        assert first_result_under(streaming, before + 2).members == (0, 1, 2, 3)
        console.tab("History")
        expect(console.history.get_by_role("listitem").nth(0)).to_contain_text("undid +1, 3")
        expect(console.history.get_by_role("listitem").nth(1)).to_contain_text("left out 1, 3")
        expect(console.history.get_by_role("listitem").nth(1)).to_contain_text(f"from frame {began} on")
        console.page.get_by_label("What held for frame").fill(str(began))
        expect(console.page.locator(".held-for output")).to_contain_text("networks 0, 2")


def test_the_last_network_can_not_be_left_out(browser, server):
    with Streaming(server.server, FRAMES, stream="last"), opened(browser, server.http, stream="last") as console:
        console.wait_live()
        for member in range(4):
            console.switch(member)
        expect(console.page.get_by_role("button", name="Apply")).to_be_disabled()
        console.page.get_by_role("button", name="Cancel").click()
        expect(console.network(0)).to_have_attribute("data-state", "active")


def test_another_ensemble_is_chosen_by_its_card(browser, server):
    with Streaming(server.server, FRAMES, stream="ensemble") as streaming, opened(browser, server.http, stream="ensemble") as console:
        console.wait_live()
        before = revision_in_force(console)
        console.page.get_by_role("button", name="Change").click()
        card = console.page.get_by_test_id("ensemble-other")
        expect(card).to_contain_text("0.050–0.200 Å/px")
        card.get_by_role("button", name="Load").click()
        card.get_by_role("button", name="Use").click()
        expect(console.page.get_by_test_id("ensemble")).to_have_text("other")
        result = first_result_under(streaming, before + 1)
        assert (result.ensemble, result.members) == ("other", (0, 1))
        expect(console.page.get_by_test_id("frame-members")).to_have_text("networks 0, 1 of other")
        expect(console.page.get_by_role("switch")).to_have_count(2)


def test_a_network_is_enlarged_beside_the_mean_and_left_out_from_there(browser, server):
    with Streaming(server.server, FRAMES, stream="compared") as streaming, opened(browser, server.http, stream="compared") as console:
        console.wait_live()
        before = revision_in_force(console)
        console.page.get_by_role("button", name="Enlarge network 2").click()
        dialog = console.page.get_by_role("dialog", name="Network 2")
        expect(dialog.get_by_role("img", name="Difference. frame")).to_be_visible()
        dialog.get_by_role("button", name="Only this one").click()
        console.apply()
        expect(console.network(2)).to_have_attribute("data-state", "active")
        expect(console.network(0)).to_have_attribute("data-state", "inactive")
        assert first_result_under(streaming, before + 1).members == (2,)
        expect(console.page.get_by_text("one network (2) alone has no spread")).to_be_visible()


def test_a_hold_names_its_holder_and_is_given_back(browser, server):
    with Streaming(server.server, FRAMES, stream="held"), opened(browser, server.http, stream="held") as console:
        console.wait_live()
        console.page.get_by_label("For how long").select_option("until given back")
        console.page.get_by_role("button", name="Hold").click()
        expect(console.page.get_by_test_id("hold")).to_contain_text("Held by console until given back")
        console.page.get_by_role("button", name="Give back").click()
        expect(console.page.get_by_test_id("hold")).to_contain_text("Programs may change this stream")


def test_what_somebody_else_changes_shows_at_once_and_is_not_overwritten(browser, server):
    from elitscope import Controller

    with Streaming(server.server, FRAMES, stream="shared"), opened(browser, server.http, stream="shared") as console:
        console.wait_live()
        console.switch(0)
        with Controller(server.http, author="ana", timeout=PATIENCE) as control:
            control.deselect("shared", 1, reason="ana was here")
        expect(console.network(1)).to_have_attribute("data-state", "inactive")
        expect(console.in_force).to_contain_text("by ana: ana was here")
        expect(console.network(0)).to_have_attribute("data-state", "staged")
