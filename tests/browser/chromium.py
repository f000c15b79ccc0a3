"""Debian's Chromium under Playwright: no sandbox as root, no traffic of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = Path(os.environ.get("EASYPARK_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser of this test run's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def tab(
    browser: Browser, *, dark: bool = False, width: int = 1440, height: int = 1000
) -> Iterator[tuple[Page, list[str]]]:
    """A tab with cookies of its own, and the list of addresses outside this machine that it asked for."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    outside: list[str] = []

    def watch(route: Route) -> None:
        if route.request.url.startswith("http://127.0.0.1:"):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", watch)
    page = context.new_page()
    page.on("pageerror", lambda error: outside.append(f"script error: {error}"))
    page.on("console", lambda said: outside.append(f"console: {said.text}") if said.type == "error" else None)
    yield page, outside
    context.close()
