"""The live page in a real browser, over the real API and a real database: empty, first, full, broken.

Each state is photographed into the test's folder; set EASYPARK_PHOTOGRAPHS to keep the pictures.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud import db
from tests.browser.chromium import tab
from tests.browser.conftest import Cloud
from tests.cloud.dashboard import day

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STALE_WITHIN_REAL_S = 5.0
Photograph = Callable[[Page, str], None]
RECOVERS_WITHIN_REAL_MS = 15_000


@pytest.fixture
def photograph(tmp_path: Path) -> Callable[[Page, str], None]:
    """Takes a picture that is not blank; copies it to the folder in EASYPARK_PHOTOGRAPHS when that is set."""

    def take(page: Page, name: str) -> None:
        file = tmp_path / f"{name}.png"
        page.screenshot(path=file, full_page=True)
        assert file.stat().st_size > 8_000
        if keep := os.environ.get("EASYPARK_PHOTOGRAPHS"):
            shutil.copy(file, Path(keep) / file.name)

    return take


def fill(cloud: Cloud, with_: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = db.create_engine(cloud.environment["EASYPARK_DATABASE_URL"])
        async with db.transaction(engine) as conn:
            await with_(conn)
        await engine.dispose()

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright holds this thread's event loop
        elsewhere.submit(asyncio.run, run()).result()


def test_empty_it_says_what_to_do_and_the_first_facility_shows_by_itself(
    browser: Browser, cloud: Cloud, photograph: Photograph
) -> None:
    with tab(browser) as (page, outside):
        page.goto(cloud.address)
        expect(page.get_by_text("No facility yet")).to_be_visible()
        photograph(page, "empty")
        fill(cloud, day.configure)
        expect(page.get_by_role("heading", name="Boston Downtown", exact=True)).to_be_visible(timeout=5_000)
        expect(page.get_by_text("Not heard of yet").first).to_be_visible()
        expect(page.get_by_text("No power reading from Boston Downtown yet")).to_be_visible()
        photograph(page, "first")
        assert outside == []


@pytest.mark.parametrize("dark", [False, True])
def test_full_it_shows_the_day_at_a_glance_and_asks_nobody_outside(
    dark: bool, browser: Browser, cloud: Cloud, photograph: Photograph
) -> None:
    fill(cloud, lambda conn: day.live_through(conn, philadelphia_online=False))
    with tab(browser, dark=dark) as (page, outside):
        page.goto(cloud.address)
        assert page.url == f"http://127.0.0.1:{cloud.port}/dashboard"
        boston = page.get_by_role("article", name="Boston Downtown")
        expect(boston.get_by_text("Boston Downtown peaked at 371 of 400 kW at 14:51")).to_be_visible()
        expect(boston.get_by_text("59 of 200 free")).to_be_visible()
        expect(page.get_by_role("article", name="Philadelphia Center City").get_by_text("Away")).to_be_visible()
        expect(page.get_by_text("Philadelphia Center City is away, last heard at")).to_be_visible()
        expect(page.get_by_text("4ABC12 entered by entry-1, subscription")).to_be_visible()
        photograph(page, "full-dark" if dark else "full")
        assert outside == []


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, cloud: Cloud, photograph: Photograph) -> None:
    fill(cloud, day.live_through)
    with tab(browser, width=390, height=844) as (page, _):
        page.goto(cloud.address)
        expect(page.get_by_role("article", name="Boston Downtown")).to_be_visible()
        photograph(page, "phone")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


def test_what_changes_is_swapped_in_within_seconds(browser: Browser, cloud: Cloud) -> None:
    fill(cloud, day.live_through)
    with tab(browser) as (page, outside):
        page.goto(cloud.address)
        boston = page.get_by_role("article", name="Boston Downtown")
        expect(boston.get_by_text("59 of 200 free")).to_be_visible()
        with psycopg.connect(cloud.environment["EASYPARK_DATABASE_URL"]) as conn:
            conn.execute(
                "UPDATE sessions.parking_sessions SET exited_ms = %s WHERE session_id = 'boston-downtown-car001'",
                (day.NOW_MS,),
            )
        expect(boston.get_by_text("60 of 200 free")).to_be_visible(timeout=5_000)
        assert outside == []


def test_broken_it_says_so_within_5_s_dims_what_it_shows_and_recovers_by_itself(
    browser: Browser, cloud: Cloud, photograph: Photograph
) -> None:
    fill(cloud, day.live_through)
    with tab(browser) as (page, _):
        page.goto(cloud.address)
        page.wait_for_timeout(2_000)
        expect(page.locator("[data-live]")).not_to_have_class("live is-stale")
        killed = time.monotonic()
        cloud.stop(signal.SIGKILL)
        expect(page.get_by_text("No news from Headquarters, trying again. What you see is of 17:51")).to_be_visible(
            timeout=STALE_WITHIN_REAL_S * 1_000
        )
        assert time.monotonic() - killed <= STALE_WITHIN_REAL_S
        expect(page.locator(".live-content")).to_have_css("opacity", "0.45")
        photograph(page, "broken")
        cloud.start()
        expect(page.locator("[data-live]")).to_have_class("live", timeout=RECOVERS_WITHIN_REAL_MS)
        expect(page.locator("[data-stale]")).to_be_empty()
        expect(page.locator(".live-content")).to_have_css("opacity", "1")


def test_the_server_stops_at_once_with_pages_open(browser: Browser, cloud: Cloud) -> None:
    with tab(browser) as (page, _), tab(browser) as (other, _):
        for open_page in (page, other):
            open_page.goto(cloud.address)
            open_page.wait_for_timeout(1_500)
        began = time.monotonic()
        assert cloud.stop() == 0
        assert time.monotonic() - began < 2.5


def test_keyboard_and_screen_reader_find_their_way(browser: Browser, cloud: Cloud) -> None:
    fill(cloud, day.live_through)
    with tab(browser) as (page, _):
        page.goto(cloud.address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("main")).to_be_visible()
        expect(page.get_by_role("banner")).to_be_visible()
        expect(page.get_by_role("region", name="Last events")).to_be_visible()
        expect(page.get_by_role("img", name="Power of the last 6 h. Boston Downtown peaked")).to_be_visible()
        assert page.get_by_role("status").count() >= 2
        expect(page.get_by_role("heading", level=1)).to_have_text("Headquarters")


def test_without_a_token_the_page_says_where_one_comes_from(
    browser: Browser, cloud: Cloud, photograph: Photograph
) -> None:
    with tab(browser) as (page, _):
        page.goto(f"http://127.0.0.1:{cloud.port}/dashboard")
        expect(page.get_by_text("easypark token --role hq")).to_be_visible()
        photograph(page, "refused")
