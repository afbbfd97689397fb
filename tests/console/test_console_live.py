"""Live frames in the console: they come, stop when asked to, and are never called live when they are not."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.console.browsing import opened
from tests.console.conftest import FRAMES
from tests.support.server import RunningServer
from tests.support.streaming import Streaming

DARK = (
    "canvas => { const c = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; return c.every(v => v === c[0]); }"
)


def test_frames_arrive_and_are_drawn(browser, server):
    with Streaming(server.server, FRAMES, stream="arrives"), opened(browser, server.http, stream="arrives") as console:
        console.wait_live()
        first = console.wait_past(-1)
        console.wait_past(first)
        expect(console.page.get_by_role("img", name="Mean segmentation")).to_be_visible()
        console.wait_for(f"() => [...document.querySelectorAll('.live-view canvas')].every(canvas => !({DARK})(canvas))")
        expect(console.page.locator(".scale-bar").first).to_have_text("2 Å")


def test_a_frozen_frame_stays_while_others_come_and_one_can_step_back(browser, server):
    with Streaming(server.server, FRAMES, stream="frozen"), opened(browser, server.http, stream="frozen") as console:
        console.wait_past(console.wait_past(-1))
        console.page.keyboard.press("Space")
        expect(console.freshness).to_have_text("Frozen")
        frozen = console.frame_id()
        kept = console.page.get_by_label("Frames kept")
        before = int(kept.get_attribute("data-came") or 0)
        console.wait_for("count => Number(document.querySelector('.steps input').dataset.came) > count", before)
        assert console.frame_id() == frozen
        console.page.get_by_role("button", name="One frame back").click()
        console.wait_for("id => Number(document.querySelector('.live-view').dataset.frame) < id", frozen)
        console.page.get_by_role("button", name="Go live").click()
        console.wait_past(frozen)
        console.wait_live()


def test_a_stream_that_ends_is_not_called_live(browser, server):
    with opened(browser, server.http, stream="ends") as console:
        with Streaming(server.server, FRAMES, stream="ends"):
            console.wait_live()
        expect(console.freshness).to_have_text("No frames")
        expect(console.page.get_by_role("alert")).to_contain_text("No new frames come in")


def test_the_last_frame_of_a_stream_that_ended_is_not_called_live_by_whoever_joins(browser, server):
    with Streaming(server.server, FRAMES, stream="joined"), opened(browser, server.http, stream="joined") as console:
        console.wait_live()
    with opened(browser, server.http, stream="joined") as console:
        expect(console.freshness).to_have_text("No frames")


def test_an_atom_says_what_it_is_when_the_pointer_comes_near(browser, server):
    with Streaming(server.server, FRAMES, stream="hover"), opened(browser, server.http, stream="hover") as console:
        console.wait_live()
        console.page.keyboard.press("Space")
        canvas = console.page.get_by_role("img", name="Frame.")
        box = canvas.bounding_box()
        assert box is not None
        scale = min(box["width"] / FRAMES[0].shape[1], box["height"] / FRAMES[0].shape[0])
        left = box["x"] + (box["width"] - scale * FRAMES[0].shape[1]) / 2
        top = box["y"] + (box["height"] - scale * FRAMES[0].shape[0]) / 2
        console.page.mouse.move(left + scale * (8 + 14 + 0.5), top + scale * (8 + 14 + 0.5))
        tip = console.page.locator(".tip").first
        expect(tip).to_contain_text("support")
        expect(tip).to_contain_text("σ position")


def test_the_console_comes_back_by_itself_after_the_engine_was_restarted(browser, bundles, tmp_path):
    with (
        RunningServer("--bundles", bundles, "--ensemble", "toy", data_dir=tmp_path) as server,
        Streaming(server.server, FRAMES, stream="haadf") as streaming,
        opened(browser, server.http) as console,
    ):
        console.wait_live()
        engine = server.child("engine")
        before = max(streaming.results)
        engine.suspend()  # killed at once, it might be back before anybody misses it
        console.wait_for("() => !['live', 'frozen'].includes(document.querySelector('.live-view').dataset.state)")
        engine.kill()
        server.wait_for_child("engine", other_than=engine.pid)
        console.wait_past(before)
        console.wait_live()
        assert len({result.epoch for result in streaming.results.values()}) == 2
