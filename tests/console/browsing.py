"""The console in a real browser: Debian's Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from elitscope_service.api.console import FOLDER, PAGE
from tests.support.server import PATIENCE, wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


def browser_path() -> str | None:
    """Of the first browser found, `ELITSCOPE_TEST_BROWSER` before all others."""
    named = os.environ.get("ELITSCOPE_TEST_BROWSER")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A browser; skips the test where there is none, or no console to look at."""
    path = browser_path()
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed (apt-get install chromium)")
    if not (FOLDER / PAGE).is_file():
        pytest.skip("the console has not been built (make console)")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # a container's root can have none
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*sandbox, "--disable-dev-shm-usage", "--enable-precise-memory-info"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, width: int = 1280, height: int = 720, stream: str | None = None) -> Iterator[Console]:
    """A page that shows the console; at the end nothing has gone wrong in it, and nothing was asked of anybody but the server."""
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None)
    here = urlsplit(address).netloc
    strangers: set[str] = set()
    page.on("request", lambda request: strangers.add(request.url) if urlsplit(request.url).netloc not in (here, "") else None)
    try:
        page.goto(f"{address}/{'' if stream is None else f'#{stream}'}")
        yield Console(page)
        assert not troubles, troubles
        assert not strangers, strangers
    finally:
        context.close()


class Console:
    """What an operator does and sees."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.live = page.get_by_role("region", name="Live view")
        self.freshness = page.get_by_test_id("freshness")
        self.in_force = page.get_by_test_id("in-force")
        self.outcome = page.get_by_test_id("outcome")
        self.history = page.get_by_test_id("history")

    def wait_live(self) -> None:
        """Until frames arrive."""
        expect(self.freshness).to_have_text("Live", timeout=PATIENCE_MS)

    def frame_id(self) -> int:
        """Of the frame shown; -1 without one."""
        return int(self.live.get_attribute("data-frame") or -1)

    def wait_past(self, frame_id: int, patience: float = PATIENCE) -> int:
        """The id of the first frame shown that comes after one."""
        wait_until(lambda: self.frame_id() > frame_id, patience)
        return self.frame_id()

    def wait_for(self, script: str, argument: object = None) -> Any:
        """What a script comes to in the page, once that is true. (Playwright's own way needs `eval`, which the page's policy forbids.)"""
        return wait_until(lambda: self.page.evaluate(script, argument))

    def tab(self, name: str) -> None:
        """Show another panel."""
        self.page.get_by_role("tab", name=name).click()

    def network(self, member: int) -> Locator:
        """A network's card."""
        return self.page.get_by_test_id(f"network-{member}")

    def switch(self, member: int) -> None:
        """Press a network's switch."""
        self.page.get_by_role("switch", name=f"Network {member} in use", exact=True).click()

    def apply(self, reason: str = "") -> None:
        """Ask for what is staged."""
        self.page.get_by_label("Reason").fill(reason)
        self.page.get_by_role("button", name="Apply").click()
