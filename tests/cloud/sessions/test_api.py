"""Looking at sessions over HTTP, and how full a facility is."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.facilities.store import save
from cloud.sessions.projection import SessionsProjection
from cloud.sessions.queries import Occupancy, occupancy
from shared.events import Event
from tests import builders
from tests.cloud.link.books import EdgeLog, told
from tests.cloud.serving import Api
from tests.cloud.sessions.stays import ended, entered, exited, metered, paid, started, state, ticket

pytestmark = pytest.mark.anyio

PATH = "/api/v1/sessions"


async def project(conn: AsyncConnection, facility_id: str, *events: Event) -> None:
    log = EdgeLog(f"log-{facility_id}").append(*events)
    await SessionsProjection()(conn, facility_id, log.log_id, told(log.entries))


@pytest.fixture
async def day(engine: AsyncEngine) -> None:
    """Ann came, charged and left; a ticket and a second Ann are still in; one car is at another facility."""
    async with transaction(engine) as conn:
        await project(
            conn,
            "here",
            entered("s-1"),
            started(),
            ended(energy_wh=7_000),
            paid("s-1"),
            exited("s-1"),
            ticket("s-2"),
            entered("s-3"),
        )
        await project(conn, "there", ticket("s-4", plate="OTHER"))


async def ids(api: Api, query: str = "") -> list[str]:
    page = await api("GET", f"{PATH}{query}", as_=Role.ATTENDANT)
    return [session["session_id"] for session in page["sessions"]]


@pytest.mark.usefixtures("day")
async def test_sessions_are_listed_newest_first(api: Api) -> None:
    assert await ids(api) == ["s-3", "s-2", "s-4", "s-1"]


@pytest.mark.usefixtures("day")
async def test_a_list_is_narrowed_by_facility_plate_and_being_open(api: Api) -> None:
    assert await ids(api, "?facility_id=there") == ["s-4"]
    assert await ids(api, "?plate=ann-1") == ["s-3", "s-1"], "a plate may be written as people write it"
    assert await ids(api, "?open=true") == ["s-3", "s-2", "s-4"]
    assert await ids(api, "?open=false&facility_id=here") == ["s-1"]


@pytest.mark.usefixtures("day")
async def test_a_long_list_comes_in_pages_that_leave_nothing_out(api: Api) -> None:
    seen: list[str] = []
    query = "?limit=1"
    while True:
        page = await api("GET", f"{PATH}{query}")
        seen += [session["session_id"] for session in page["sessions"]]
        if page["next"] is None:
            break
        query = f"?limit=1&before={page['next']}"
    assert seen == ["s-3", "s-2", "s-4", "s-1"]


@pytest.mark.parametrize("query", ["?before=yesterday", "?limit=0", "?limit=501", "?facility_id=No!", "?colour=red"])
async def test_a_question_that_makes_no_sense_is_refused(api: Api, query: str) -> None:
    await api("GET", f"{PATH}{query}", expect=422)


@pytest.mark.usefixtures("day")
async def test_one_session_is_shown_with_its_charging_and_what_was_paid_on_site(api: Api) -> None:
    detail = await api("GET", f"{PATH}/s-1", as_=Role.MANAGER)
    assert (detail["session"]["plate"], detail["session"]["paid_cents"]) == ("ANN1", 500)
    assert [c["energy_wh"] for c in detail["charging"]] == [7_000]
    assert [p["amount_cents"] for p in detail["site_payments"]] == [500]
    await api("GET", f"{PATH}/s-9", expect=404)


async def test_a_session_shows_how_its_energy_came_about(api: Api, engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await project(conn, "here", entered("s-1"), started(), ended(energy_method="SIGNED", flags=("END_LOST",)))
    [charging] = (await api("GET", f"{PATH}/s-1", as_=Role.MANAGER))["charging"]
    assert (charging["energy_method"], charging["flags"]) == ("SIGNED", ["END_LOST"])


@pytest.fixture
async def month(engine: AsyncEngine) -> None:
    """Three doubtful transactions, of which two ended at the same moment, and one beyond doubt."""
    async with transaction(engine) as conn:
        await project(
            conn,
            "here",
            ended("t-1", flags=("METER_JUMPED",), ended_at_ms=2_000),
            ended("t-2", ended_at_ms=2_500),
            ended("t-3", flags=("END_LOST", "CLOCK_WRONG"), ended_at_ms=3_000),
        )
        await project(conn, "there", ended("t-4", flags=("SUPERSEDED",), ended_at_ms=3_000))


async def flagged(api: Api, query: str = "") -> list[str]:
    page = await api("GET", f"{PATH}/charging/flagged{query}", as_=Role.FINANCE)
    return [charging["transaction_id"] for charging in page["charging"]]


@pytest.mark.usefixtures("month")
async def test_finance_lists_the_transactions_that_are_not_beyond_doubt(api: Api) -> None:
    assert await flagged(api) == ["t-4", "t-3", "t-1"]
    assert await flagged(api, "?facility_id=here&from_ms=2000&until_ms=3000") == ["t-1"]
    page = await api("GET", f"{PATH}/charging/flagged?facility_id=there", as_=Role.FINANCE)
    [found] = page["charging"]
    assert (found["flags"], found["energy_method"], found["session_id"]) == (["SUPERSEDED"], "REGISTER", "s-1")


@pytest.mark.usefixtures("month")
async def test_the_doubtful_come_in_pages_that_leave_nothing_out(api: Api) -> None:
    seen: list[str] = []
    query = "?limit=1"
    while True:
        page = await api("GET", f"{PATH}/charging/flagged{query}", as_=Role.HQ)
        seen += [charging["transaction_id"] for charging in page["charging"]]
        if page["next"] is None:
            break
        query = f"?limit=1&before={page['next']}"
    assert seen == ["t-4", "t-3", "t-1"]


@pytest.mark.parametrize("query", ["?before=3000_x_log", "?before=3000_1", "?from_ms=-1", "?colour=red"])
async def test_a_question_about_the_doubtful_that_makes_no_sense_is_refused(api: Api, query: str) -> None:
    await api("GET", f"{PATH}/charging/flagged{query}", as_=Role.FINANCE, expect=422)


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.ATTENDANT, Role.DEVICE])
async def test_the_doubtful_are_for_those_who_close_the_books(api: Api, role: Role) -> None:
    await api("GET", f"{PATH}/charging/flagged", as_=role, expect=403)


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.FINANCE, Role.DEVICE])
async def test_only_those_who_run_a_facility_see_sessions(api: Api, role: Role) -> None:
    await api("GET", PATH, as_=role, expect=403)
    await api("GET", f"{PATH}/s-1", as_=role, expect=403)


async def test_occupancy_counts_cars_in_by_kind_of_space_and_cars_plugged_in(conn: AsyncConnection) -> None:
    await save(conn, builders.facility(11_000, 11_000, facility_id="here"), now_ms=0)
    await save(conn, builders.facility(facility_id="empty"), now_ms=0)
    await project(
        conn,
        "here",
        entered("s-1"),
        ticket("s-2"),
        ticket("s-3"),
        exited("s-3"),
        started("t-1"),
        state("Charging", 1_500, "t-1"),
        metered(2_000, "t-1", power_w=7_000),
        started("t-2"),
        metered(2_000, "t-2", power_w=100),
        started("t-3"),
        metered(2_000, "t-3", power_w=9_000),
        ended("t-3"),
    )
    assert await occupancy(conn) == (
        Occupancy("empty", regular_spaces=3),
        Occupancy(
            "here",
            regular_spaces=3,
            regular_cars=1,
            ev_spaces=2,
            ev_cars=1,
            plugged_in=2,
            charging=1,
            power_w=7_100,
        ),
    )
