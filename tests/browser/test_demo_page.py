"""The demo's control room in a real browser: it stays up when headquarters is pulled, and what is dangerous is held."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from mailbox import Maildir
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from provisioning.demo.page.room import Around
from provisioning.demo.page.server import PageServer
from provisioning.demo.page.site import Box
from provisioning.demo.programs import Part
from provisioning.local.ports import free_port
from shared.clock import Clock, Timeline
from tests.browser.chromium import tab
from tests.browser.conftest import SECRET, Cloud
from tests.browser.test_dashboard import fill
from tests.cloud.dashboard import day

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass
class Hands:
    """Pulls and restores the real API at once; the supervisor's stack does so from its main thread."""

    cloud: Cloud
    away: frozenset[Part] = frozenset()
    done: list[str] = field(default_factory=list)

    def pull(self, part: Part) -> None:
        self.done.append(f"pull {part}")
        self.cloud.stop()
        self.away |= {part}

    def restore(self, part: Part) -> None:
        self.done.append(f"restore {part}")
        self.cloud.start()
        self.away -= {part}


@dataclass
class Room:
    address: str
    hands: Hands
    server: PageServer


@pytest.fixture
def room(cloud: Cloud, tmp_path: Path) -> Iterator[Room]:
    fill(cloud, day.live_through)
    mail = EmailMessage()
    mail["Subject"], mail["To"] = "Your receipt: $18.40", "ann@example.com"
    mail.set_content("<p>Thank you <script>document.title = 'taken'</script></p>", subtype="html")
    Maildir(tmp_path / "mail", create=True).add(mail)
    hands, port = Hands(cloud), free_port()
    around = Around(
        api_url=f"http://127.0.0.1:{cloud.port}",
        boxes=[Box(day.BOSTON, f"http://127.0.0.1:{free_port()}", "token")],
        mailbox=tmp_path / "mail",
        clock=Clock(Timeline.parse(cloud.environment["EASYPARK_TIMELINE"]), time.time),
        handles=hands,
        jwt_secret=SECRET,
    )
    server = PageServer(around, port)
    server.start()
    yield Room(f"http://127.0.0.1:{port}/?{cloud.address.partition('?')[2]}", hands, server)
    server.stop()


def test_pulling_the_cloud_leaves_the_page_up_and_restoring_brings_headquarters_back(
    browser: Browser, room: Room
) -> None:
    with tab(browser) as (page, outside):
        page.goto(room.address)
        assert "token" not in page.url
        expect(page.get_by_text("Boston Downtown peaked at 371 of 400 kW")).to_be_visible(timeout=10_000)
        expect(page.get_by_text("The box does not answer")).to_be_visible()
        page.get_by_role("button", name="Pull the cloud").hover()
        page.mouse.down()
        page.wait_for_timeout(700)
        expect(page.get_by_text("Pulling the cloud…").first).to_be_visible(timeout=200)
        page.mouse.up()
        expect(page.get_by_text("Headquarters is away. Gates and chargers go on by themselves")).to_be_visible(
            timeout=5_000
        )
        page.get_by_role("button", name="Restore the cloud").click(timeout=5_000)
        expect(page.get_by_text("Restoring the cloud…").first).to_be_visible(timeout=500)
        expect(page.locator(".is-stale")).to_have_count(0, timeout=20_000)
        assert room.hands.done == ["pull cloud", "restore cloud"]
        assert [line for line in outside if "ERR_" not in line] == []


def test_a_tap_pulls_nothing_and_says_to_hold_while_a_held_key_pulls(browser: Browser, room: Room) -> None:
    with tab(browser) as (page, _):
        page.goto(room.address)
        button = page.get_by_role("button", name="Pull the cloud")
        button.click()
        expect(page.locator("#hold-says")).to_have_text("Keep it pressed for a moment.")
        page.wait_for_timeout(800)
        assert room.hands.done == []
        button.focus()
        page.keyboard.down("Enter")
        page.wait_for_timeout(800)
        page.keyboard.up("Enter")
        expect(page.get_by_role("button", name="Restore the cloud")).to_be_visible(timeout=5_000)
        assert room.hands.done == ["pull cloud"]


def test_a_mail_can_be_read_and_its_scripts_do_nothing(browser: Browser, room: Room) -> None:
    with tab(browser) as (page, _):
        page.goto(room.address)
        page.get_by_role("link", name="Your receipt: $18.40").click()
        expect(page.frame_locator("iframe").get_by_text("Thank you")).to_be_visible()
        assert page.title() == "Your receipt: $18.40 – EasyParkPlus"


def test_nobody_is_let_in_or_pulls_without_the_printed_address(browser: Browser, room: Room) -> None:
    with tab(browser) as (page, _):
        base = room.address.partition("?")[0]
        page.goto(base)
        expect(page.get_by_text("This page needs a token")).to_be_visible()
        assert page.request.post(f"{base}handles/pull/cloud", headers={"HX-Request": "true"}).status == 401
        page.goto(room.address)
        assert page.request.post(f"{base}handles/pull/cloud").status == 403
        assert room.hands.done == []


def test_it_stops_at_once_with_pages_open(browser: Browser, room: Room) -> None:
    with tab(browser) as (page, _):
        page.goto(room.address)
        page.wait_for_timeout(1_500)
        began = time.monotonic()
        room.server.stop()
        assert time.monotonic() - began < 2.0
