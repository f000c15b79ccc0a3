"""What was set aside is shown and applied after a fix, in the order of the log, and nothing is applied twice."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.auth import Role
from cloud.billing.projection import BillingProjection
from cloud.db import transaction
from cloud.link import parked as aside
from cloud.link.parked import Retried, retry_all
from cloud.sessions.projection import SessionsProjection
from cloud.tariffs import store as tariff_store
from shared.clock import HOUR_MS
from tests.builders import NINE_MS, tariffs
from tests.cloud.billing.stays import Site, balances, jobs_of, open_site
from tests.cloud.link.books import NOON_MS, EdgeLog, Tally, parked, tallied
from tests.cloud.link.test_ingest import log_of, take
from tests.cloud.serving import Api

pytestmark = pytest.mark.anyio
MONEY = [SessionsProjection(), BillingProjection()]


@pytest.fixture
async def tally_table(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await Tally.prepare(conn)


@pytest.fixture
async def free_site(engine: AsyncEngine) -> Site:
    """A facility for which headquarters has published no price."""
    site = await open_site(engine)
    async with transaction(engine) as conn:
        await conn.execute(text("DELETE FROM tariffs.tariffs"))
    return site


async def publish(conn: AsyncConnection) -> None:
    for tariff in tariffs():
        await tariff_store.add(conn, tariff, now_ms=0)


@pytest.mark.usefixtures("tally_table")
async def test_after_a_fix_what_was_parked_is_applied_and_what_is_still_poison_stays(engine: AsyncEngine) -> None:
    await take(engine, log_of(5).batch(), Tally(poison=["P2", "P4"]))
    assert await retry_all(engine, [Tally(poison=["P4"])], now_ms=NOON_MS) == Retried(applied=1, parked=1)
    async with transaction(engine) as conn:
        assert await tallied(conn) == [1, 2, 3, 5]
        assert [(seq, by) for seq, by, _ in await parked(conn)] == [(4, "tally")]


@pytest.mark.usefixtures("tally_table")
async def test_many_are_tried_in_pieces_and_one_that_stays_does_not_hold_up_the_rest(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "PIECE", 3)
    await take(engine, log_of(10).batch(), Tally(poison=[f"P{n}" for n in range(1, 11)]))
    assert await retry_all(engine, [Tally(poison=["P3", "P10"])], now_ms=NOON_MS) == Retried(applied=8, parked=2)
    async with transaction(engine) as conn:
        assert await tallied(conn) == [1, 2, 4, 5, 6, 7, 8, 9]


@pytest.mark.usefixtures("tally_table")
async def test_an_event_of_an_unknown_type_waits_for_the_update_that_knows_it(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = frozenset({"TailgateDetected"})
    monkeypatch.setattr("cloud.link.ingest.KNOWN_TYPES", known)
    monkeypatch.setattr(aside, "KNOWN_TYPES", known)
    older = Tally()
    older.types = known
    await take(engine, log_of(2).batch(), older)
    assert await retry_all(engine, [older], now_ms=NOON_MS) == Retried(applied=0, parked=2)
    monkeypatch.setattr(aside, "KNOWN_TYPES", known | {"EntryRefused"})
    assert await retry_all(engine, [Tally()], now_ms=NOON_MS) == Retried(applied=2, parked=0)
    async with transaction(engine) as conn:
        assert await tallied(conn) == [1, 2]
        assert await parked(conn) == []


@pytest.mark.usefixtures("tally_table")
async def test_what_could_not_be_stored_is_not_tried(engine: AsyncEngine) -> None:
    await take(engine, EdgeLog().append_raw("EntryRefused", {"plate": "NUL\x00"}).batch())
    assert await retry_all(engine, [Tally()], now_ms=NOON_MS) == Retried()
    async with transaction(engine) as conn:
        assert [by for _, by, _ in await parked(conn)] == ["store"]


@pytest.mark.usefixtures("tally_table")
async def test_two_that_try_at_once_apply_once(engine: AsyncEngine) -> None:
    await take(engine, log_of(20).batch(), Tally(poison=[f"P{n}" for n in range(1, 21)]))
    both = await asyncio.gather(*(retry_all(engine, [Tally()], now_ms=NOON_MS) for _ in range(2)))
    assert sum(one.applied for one in both) == 20
    async with transaction(engine) as conn:
        assert await tallied(conn) == list(range(1, 21))


async def test_an_exit_that_is_priced_late_costs_what_it_cost_then(engine: AsyncEngine, free_site: Site) -> None:
    """What came after it is in the sessions' rows by then, and counts as it would have."""
    site = free_site
    session_id = site.enter("ada")
    site.charge_up(session_id, 5_000)
    site.leave(session_id, 500)
    site.pay(session_id, 100, at_ms=NINE_MS + 2 * HOUR_MS)
    site.charge_up(session_id, 2_500, at_ms=NINE_MS + 2 * HOUR_MS)
    await site.sync()
    async with transaction(engine) as conn:
        await publish(conn)
    assert (await retry_all(engine, MONEY, now_ms=NINE_MS)).parked == 0
    async with transaction(engine) as conn:
        total = await conn.scalar(text("SELECT total_cents FROM billing.charges"))
        booked = await balances(conn)
    assert total == 500, "the charging after it does not count"
    assert (booked["SITE_CASH"], booked["CUSTOMER_CREDIT"]) == (100, -100), "what was paid after it is not lost"
    assert [name for name, _ in await jobs_of(engine)] == ["pay_charge"]
    assert await retry_all(engine, MONEY, now_ms=NINE_MS) == Retried()


async def test_an_entry_that_was_parked_brings_its_exit_after_it(engine: AsyncEngine) -> None:
    site = await open_site(engine)
    session_id = site.enter("ada")
    site.leave(session_id, 300)
    site.entries[0] = site.entries[0].model_copy(update={"body": {**site.entries[0].body, "space_kind": "ROOF"}})
    await site.sync()
    async with transaction(engine) as conn:
        assert [(seq, by) for seq, by, _ in await parked(conn)] == [(1, "sessions"), (2, "billing"), (2, "sessions")]
        await conn.execute(
            text("UPDATE link.events SET body = jsonb_set(body, '{space_kind}', '\"EV\"') WHERE seq = 1")
        )
    assert await retry_all(engine, MONEY, now_ms=NINE_MS) == Retried(applied=2, parked=0)
    async with transaction(engine) as conn:
        assert await conn.scalar(text("SELECT total_cents FROM billing.charges")) == 300


async def test_headquarters_sees_what_is_parked_and_has_it_tried_again(
    engine: AsyncEngine, free_site: Site, api: Api
) -> None:
    site = free_site
    site.leave(site.enter("ada"), 300)
    await site.sync()
    (one,) = await api("GET", "/api/v1/link/parked")
    assert (one["seq"], one["type"], one["projection"]) == (2, "VehicleExited", "billing")
    assert "no PARKING tariff" in one["error"]
    assert await api("POST", "/api/v1/link/parked/retry") == {"applied": 0, "parked": 1}
    async with transaction(engine) as conn:
        await publish(conn)
    assert await api("POST", "/api/v1/link/parked/retry") == {"applied": 1, "parked": 0}
    assert await api("GET", "/api/v1/link/parked") == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.HQ])
async def test_nobody_else_may(api: Api, role: Role) -> None:
    await api("GET", "/api/v1/link/parked", as_=role, expect=403)
    await api("POST", "/api/v1/link/parked/retry", as_=role, expect=403)
