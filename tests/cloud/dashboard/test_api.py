"""The page's numbers over a real database, and who may see them."""

import time
from importlib.resources import files

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role, issue_token
from cloud.dashboard import pages
from cloud.dashboard.queries import read_overview
from cloud.dashboard.rules.overview import FacilityNow, Overview, Presence, Tone
from cloud.db import transaction
from cloud.link import boxes
from shared.clock import HOUR_MS
from tests.cloud.dashboard import day
from tests.cloud.serving import SECRET, Api, serving

pytestmark = pytest.mark.anyio

QUIET_AFTER_MS = 90_000


async def overview(engine: AsyncEngine, now_ms: int = day.NOW_MS) -> Overview:
    return await read_overview(engine, now_ms=now_ms, quiet_after_ms=QUIET_AFTER_MS)


def of(found: Overview, facility_id: str) -> FacilityNow:
    facility = found.facility(facility_id)
    assert facility is not None
    return facility


@pytest.fixture
async def full(engine: AsyncEngine) -> AsyncEngine:
    async with transaction(engine) as conn:
        await day.live_through(conn, philadelphia_online=False)
    return engine


async def test_without_facilities_there_is_nothing_and_no_error(engine: AsyncEngine) -> None:
    found = await overview(engine)
    assert (found.facilities, found.happenings, found.receipts) == ((), (), ())
    assert found.totals.charged_cents == 0
    assert "No facility yet" in pages.picture(found).whole


async def test_of_a_facility_that_was_never_heard_of_what_is_unknown_stays_unknown(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await day.configure(conn)
    boston = of(await overview(engine), "boston-downtown")
    assert (boston.presence, boston.heard_at_ms, boston.sync, boston.watts) == (Presence.NEVER, None, None, None)
    assert (boston.regular.total, boston.ev.total, boston.chargers.total) == (200, 24, 24)
    assert "<b>–</b> of 200 free" in pages.picture(await overview(engine)).whole


async def test_a_facility_shows_its_cars_chargers_power_and_lag(full: AsyncEngine) -> None:
    found = await overview(full)
    boston, philadelphia = of(found, "boston-downtown"), of(found, "philadelphia-center-city")
    assert (boston.presence, philadelphia.presence) == (Presence.ONLINE, Presence.AWAY)
    assert boston.regular.free == 200 - 141
    assert boston.chargers.in_use == 17
    assert boston.sync is not None
    assert philadelphia.sync is not None
    assert (boston.sync.events_behind, philadelphia.sync.events_behind) == (0, 37)
    assert boston.watts is not None
    assert boston.watts.budget_w == 400_000
    assert max(p.drawn_w for p in boston.curve) == 371_000


async def test_a_facility_that_nothing_was_heard_of_is_away_whatever_it_said_last(full: AsyncEngine) -> None:
    assert of(await overview(full), "boston-downtown").presence is Presence.ONLINE
    later = await overview(full, day.NOW_MS + QUIET_AFTER_MS)
    assert of(later, "boston-downtown").presence is Presence.AWAY


async def test_the_last_events_are_told_newest_first(full: AsyncEngine) -> None:
    found = await overview(full)
    assert found.happenings[0].text == "4ABC12 entered by entry-1, subscription"
    instants = [h.at_ms for h in found.happenings]
    assert instants == sorted(instants, reverse=True)


async def test_charges_say_what_became_of_them(full: AsyncEngine) -> None:
    lines = {line.charge_id: line for line in (await overview(full)).receipts}
    assert (lines["charge-0"].plate, lines["charge-0"].text) == ("CAR017", "paid, receipt sent")
    assert lines["charge-1"].text == "card declined: Your card has insufficient funds."
    assert lines["charge-1"].tone is Tone.ATTENTION
    assert lines["charge-6"].text == "being collected"


async def test_today_is_the_facilitys_own_day_and_paid_and_open_make_up_what_was_charged(full: AsyncEngine) -> None:
    today = (await overview(full)).totals
    assert today.charges == 7
    assert today.charged_cents == 1_840 + 2_675 + 0 + 1_225 + 3_110 + 450 + 990
    assert today.open_cents == 2_675 + 990
    assert today.paid_cents + today.open_cents == today.charged_cents
    assert (await overview(full, day.NOW_MS + 7 * HOUR_MS)).totals.charges == 0


async def test_the_page_without_its_charts_stays_under_100_kb(full: AsyncEngine) -> None:
    picture = pages.picture(await overview(full))
    charts = sum(len(html) for name, html in picture.parts.items() if name.endswith("-power"))
    static = sum(len((files("cloud.dashboard") / "static" / name).read_bytes()) for name in ("easypark.css", "live.js"))
    htmx = len((files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js").read_bytes())
    shell = len(pages.render("dashboard.html", picture=picture, trouble=""))
    assert shell - charts + static + htmx < 100_000


async def test_the_same_numbers_as_json(api: Api) -> None:
    found = await api("GET", "/api/v1/overview", as_=Role.MANAGER)
    assert found["facilities"] == []
    assert found["totals"] == {"charges": 0, "charged_cents": 0, "paid_cents": 0, "open_cents": 0}
    await api("GET", "/api/v1/overview", as_=Role.ATTENDANT, expect=403)
    await api("GET", "/api/v1/overview", as_=None, expect=401)


def token(role: Role = Role.HQ) -> str:
    return issue_token(SECRET, role=role, subject="somebody", ttl_s=600, now_s=int(time.time()))


async def test_a_token_in_the_address_moves_into_a_cookie_that_scripts_cannot_read(api: Api) -> None:
    answer = await api.http.get("/dashboard", params={"token": token()})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = await api.http.get("/dashboard")
    assert page.status_code == 200
    assert token()[:20] not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/stream"])
async def test_without_a_token_that_may_look_nobody_is_let_in(path: str, api: Api) -> None:
    assert (await api.raw("GET", path, as_=None)).status_code == 401
    assert (await api.raw("GET", path, as_=Role.CUSTOMER)).status_code == 401
    assert (await api.http.get("/dashboard", params={"token": "nonsense"})).status_code == 401


async def test_styles_and_scripts_come_from_here_and_are_open(api: Api) -> None:
    for name in ("easypark.css", "easypark.svg", "live.js", "htmx/htmx.min.js"):
        assert (await api.raw("GET", f"/static/{name}", as_=None)).status_code == 200


async def test_without_the_database_the_page_says_so_and_waits_for_it(caplog: pytest.LogCaptureFixture) -> None:
    async with serving("postgresql://u:secret-word@127.0.0.1:1/gone") as api:
        answer = await api.raw("GET", "/dashboard")
    assert answer.status_code == 503
    assert "Headquarters&#39; database cannot be reached" in answer.text
    assert 'data-live="/dashboard/stream"' in answer.text
    assert "secret-word" not in answer.text + caplog.text


async def test_how_old_a_facilitys_knowledge_is_shows_on_its_card(full: AsyncEngine) -> None:
    confirm = text(
        "INSERT INTO link.decision_cursors (facility_id, log_id, upto, updated_at_ms)"
        " SELECT 'boston-downtown', log_id, :upto, :at_ms FROM link.decision_log"
        " ON CONFLICT (facility_id) DO UPDATE SET upto = excluded.upto"
    )
    assert of(await overview(full), "boston-downtown").knowledge is None
    async with transaction(full) as conn:
        await conn.execute(text("UPDATE link.decision_log SET version = 7"))
        await conn.execute(confirm, {"upto": 7, "at_ms": day.NOW_MS - 5 * HOUR_MS})
    found = await overview(full)
    boston = of(found, "boston-downtown")
    assert boston.knowledge is not None
    assert (boston.knowledge.current, boston.knowledge.at_ms) == (True, boston.heard_at_ms)
    assert "<b>current</b>" in pages.picture(found).whole
    async with transaction(full) as conn:
        await conn.execute(confirm, {"upto": 4, "at_ms": 0})
    assert "<b>5 h</b> old" in pages.picture(await overview(full)).whole
    assert "3 decisions behind" in pages.picture(await overview(full)).whole


async def test_a_second_box_of_one_name_is_an_alarm_until_it_is_gone(full: AsyncEngine) -> None:
    async with transaction(full) as conn:
        await boxes.choose(conn, "boston-downtown", boxes.Box("log-a"), now_ms=0)
        await boxes.note_rival(conn, "boston-downtown", boxes.Box("log-b"), now_ms=day.NOW_MS)
    found = await overview(full)
    assert of(found, "boston-downtown").contested
    assert "Two boxes say that they are Boston Downtown" in pages.picture(found).parts["concerns"]
    later = await overview(full, day.NOW_MS + QUIET_AFTER_MS + 1)
    assert not of(later, "boston-downtown").contested
