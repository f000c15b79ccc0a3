"""What events make of sessions: the same rows, in whatever pieces and however often the events come."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.db import transaction
from cloud.sessions import store
from cloud.sessions.projection import SessionsProjection, UnknownSession
from shared.events import Event, SitePowerSampled, TransactionAuthorized
from shared.facilities import SpaceKind
from shared.rights import TICKET_RIGHT
from tests.cloud.link.books import NOON_MS, EdgeLog, told
from tests.cloud.sessions.stays import ANN, ended, entered, exited, metered, paid, started, state, ticket

pytestmark = pytest.mark.anyio

TABLES = ("parking_sessions", "charging_sessions", "site_payments", "power_samples")


async def project(conn: AsyncConnection, *events: Event) -> None:
    await SessionsProjection()(conn, "here", "log-a", told(EdgeLog().append(*events).entries))


async def rows(conn: AsyncConnection) -> dict[str, list[dict[str, Any]]]:
    """Every session row, in a fixed order."""
    found = {}
    for table in TABLES:
        query = text(f"SELECT to_jsonb(t) AS row FROM sessions.{table} AS t ORDER BY to_jsonb(t)::text")
        found[table] = list(await conn.scalars(query))
    return found


async def test_a_car_that_came_in_has_an_open_session(conn: AsyncConnection) -> None:
    await project(conn, entered())
    session = await store.parking_session(conn, "s-1")
    assert session is not None
    assert (session.facility_id, session.plate, session.right, session.customer_id) == ("here", "ANN1", ANN, "ann")
    assert (session.space_kind, session.is_ev, session.entered_ms) == (SpaceKind.EV, True, NOON_MS + 1_000)
    assert (session.exited_ms, session.quoted_cents, session.tariff_versions, session.paid_cents) == (None, None, (), 0)


async def test_a_ticket_belongs_to_nobody(conn: AsyncConnection) -> None:
    await project(conn, ticket("s-2"))
    session = await store.parking_session(conn, "s-2")
    assert session is not None
    assert (session.right, session.customer_id, session.space_kind) == (TICKET_RIGHT, None, SpaceKind.REGULAR)


async def test_a_car_that_left_has_a_closed_session_with_its_quote(conn: AsyncConnection) -> None:
    await project(conn, entered(), exited())
    session = await store.parking_session(conn, "s-1")
    assert session is not None
    assert (session.exited_ms, session.priced_until_ms, session.quoted_cents) == (NOON_MS + 2_000, 50_000, 1_250)
    assert session.tariff_versions == ("charging/1", "parking/1")


async def test_payments_on_site_are_kept_one_by_one_and_added_up(conn: AsyncConnection) -> None:
    await project(conn, entered(), paid(amount_cents=500), paid(amount_cents=250))
    assert [(p.amount_cents, p.seq, p.taken_by) for p in await store.site_payments_of(conn, "s-1")] == [
        (500, 2, "machine-1"),
        (250, 3, "machine-1"),
    ]
    session = await store.parking_session(conn, "s-1")
    assert session is not None
    assert session.paid_cents == 750


async def test_an_exit_or_a_payment_without_an_entry_is_an_error(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        with pytest.raises(UnknownSession, match="s-9"):
            await project(conn, entered(), exited(), exited("s-9"))
    async with engine.connect() as conn:
        with pytest.raises(UnknownSession, match="s-9"):
            await project(conn, entered(), paid("s-9"))


async def test_a_session_belongs_to_its_facility_and_no_other_can_close_it(conn: AsyncConnection) -> None:
    await project(conn, entered())
    with pytest.raises(UnknownSession):
        await SessionsProjection()(conn, "there", "log-b", told(EdgeLog().append(exited()).entries))


async def test_a_running_transaction_shows_its_newest_reading_and_the_energy_since_its_start(
    conn: AsyncConnection,
) -> None:
    await project(conn, started(), state("Charging", 2_000))
    await project(
        conn, metered(3_000, register_wh=12_000, power_w=7_000, soc_pct=40), metered(2_500, register_wh=11_000)
    )
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.energy_wh, charging.power_w, charging.soc_pct) == (2_000, 7_000, 40)
    assert (charging.state, charging.started_ms, charging.ended_ms, charging.right) == ("Charging", 1_000, None, ANN)


async def test_an_ended_transaction_has_the_energy_that_the_end_says(conn: AsyncConnection) -> None:
    await project(conn, started(), metered(3_000, register_wh=12_000, power_w=7_000))
    await project(conn, ended(energy_wh=7_000))
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.energy_wh, charging.finished_ms, charging.ended_ms) == (7_000, 8_000, 9_000)


async def test_what_comes_after_the_end_of_a_transaction_changes_nothing(conn: AsyncConnection) -> None:
    await project(conn, started(), ended())
    before = await rows(conn)
    await project(conn, metered(99_000, register_wh=99_000, power_w=9), state("Charging", 99_000), ended(energy_wh=1))
    assert await rows(conn) == before


async def test_a_late_reading_does_not_replace_a_newer_one_of_an_earlier_batch(conn: AsyncConnection) -> None:
    await project(conn, started(), metered(5_000, register_wh=15_000, power_w=7_000))
    await project(conn, metered(4_000, register_wh=14_000, power_w=3_000), state("Charging", 4_000))
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.energy_wh, charging.power_w, charging.state) == (5_000, 7_000, "Charging")


async def test_readings_may_come_before_the_start(conn: AsyncConnection) -> None:
    await project(conn, metered(3_000, register_wh=12_000))
    await project(conn, started())
    await project(conn, metered(4_000, register_wh=13_000))
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.started_ms, charging.energy_wh) == (1_000, 3_000)


async def test_an_end_alone_is_enough(conn: AsyncConnection) -> None:
    await project(conn, ended(energy_wh=4_200))
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.started_ms, charging.energy_wh, charging.session_id) == (1_000, 4_200, "s-1")


async def test_how_the_energy_came_about_is_kept_and_unknown_until_the_end(conn: AsyncConnection) -> None:
    await project(conn, started())
    (running,) = await store.charging_of(conn, "s-1")
    assert (running.energy_method, running.flags) == (None, ())
    await project(conn, ended(energy_wh=0, energy_method="NONE", flags=("METER_ABSURD", "MESSAGES_MISSING")))
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.energy_method, charging.flags) == ("NONE", ("METER_ABSURD", "MESSAGES_MISSING"))


async def test_an_unknown_payer_is_filled_in_later(conn: AsyncConnection) -> None:
    told = TransactionAuthorized(
        station_id="cs-1", evse_id=1, transaction_id="t-1", seq_no=1, id_token="T", session_id="s-1", right=ANN
    )
    await project(conn, started(session_id=None, right=None))
    assert await store.charging_of(conn, "s-1") == ()
    await project(conn, told)
    (charging,) = await store.charging_of(conn, "s-1")
    assert (charging.right, charging.started_ms) == (ANN, 1_000)


DAY: tuple[Event, ...] = (
    entered("s-1"),
    ticket("s-2"),
    started("t-1"),
    state("Charging", 1_500),
    metered(2_000, "t-1", register_wh=11_000, power_w=7_000),
    SitePowerSampled(drawn_w=7_000, worst_case_w=11_000, budget_w=400_000),
    paid("s-2", 300),
    started("t-2", register_wh=None, session_id=None, right=None),
    metered(1_900, "t-1", register_wh=10_900, soc_pct=20),
    metered(2_500, "t-1", register_wh=12_000),
    state("SuspendedEV", 2_600),
    ended("t-1", energy_wh=2_100),
    exited("s-2", quoted_cents=300),
    paid("s-1", 100),
    exited("s-1"),
    metered(3_000, "t-2", register_wh=500, power_w=1_000),
    SitePowerSampled(drawn_w=1_000, worst_case_w=4_140, budget_w=400_000),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, len(DAY) - 1)))
async def test_however_the_log_is_cut_into_batches_and_even_twice_over_the_rows_are_the_same(
    engine: AsyncEngine, cuts: set[int]
) -> None:
    log = told(EdgeLog().append(*DAY).entries)
    bounds = [0, *sorted(cuts), len(log)]
    projection = SessionsProjection()
    async with engine.connect() as conn:
        await projection(conn, "here", "log-a", log)
        whole = await rows(conn)
        await conn.rollback()
        for after, upto in pairwise(bounds):
            await projection(conn, "here", "log-a", log[after:upto])
        assert await rows(conn) == whole
        for after, upto in pairwise(bounds):
            await projection(conn, "here", "log-a", log[after:upto])
        assert await rows(conn) == whole
        await conn.rollback()


async def test_the_site_power_curve_is_kept(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await project(conn, SitePowerSampled(drawn_w=7, worst_case_w=11, budget_w=400))
        found = (await rows(conn))["power_samples"]
    assert [(r["facility_id"], r["at_ms"], r["drawn_w"], r["worst_case_w"], r["budget_w"]) for r in found] == [
        ("here", NOON_MS + 1_000, 7, 11, 400)
    ]
