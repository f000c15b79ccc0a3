"""A session that ended is charged once, by the lane's own price, and nothing about it is lost."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import queries
from cloud.billing.projection import BillingProjection
from cloud.billing.records import Charge
from cloud.billing.rules import ChargeStatus, DiscrepancyKind, PaymentKind, PaymentStatus
from cloud.db import transaction
from cloud.link.rules import of_types
from cloud.tariffs import store as tariff_store
from shared.clock import HOUR_MS
from shared.tariffs import PriceComponent
from tests.builders import NINE_MS, tariffs
from tests.cloud.billing.stays import FACILITY_ID, Site, balances, jobs_of, transfers_out_of_balance
from tests.cloud.link.books import told

pytestmark = pytest.mark.anyio


async def charge_of(engine: AsyncEngine, charge_id: str) -> Charge:
    async with transaction(engine) as conn:
        charge = await queries.charge(conn, charge_id)
    assert charge is not None
    return charge


async def test_a_price_that_the_lane_had_not_heard_of_is_not_charged(engine: AsyncEngine, site: Site) -> None:
    (parking,) = [t for t in tariffs() if t.kind == "PARKING"]
    dearer = [
        e.model_copy(update={"price_components": tuple(_doubled(c) for c in e.price_components)})
        for e in parking.elements
    ]
    async with transaction(engine) as conn:
        await tariff_store.add(conn, parking.model_copy(update={"version": 2, "elements": tuple(dearer)}), now_ms=0)
    session_id = site.enter("customer-1")
    site.leave(session_id, 300)
    await site.sync()
    charge = await charge_of(engine, f"charge-{session_id}")
    assert (charge.total_cents, charge.tariff_versions) == (300, ("parking/1",))
    assert await findings(engine) == []


def _doubled(component: PriceComponent) -> PriceComponent:
    return component.model_copy(update={"price": component.price * 2})


async def findings(engine: AsyncEngine) -> list[tuple[DiscrepancyKind, int, int]]:
    async with transaction(engine) as conn:
        return [(d.kind, d.expected_cents, d.found_cents) for d in await queries.find_discrepancies(conn, limit=100)]


async def test_a_stay_becomes_a_charge_its_lines_its_postings_and_a_payment_under_way(
    engine: AsyncEngine, site: Site
) -> None:
    session_id = site.enter("customer-1")
    site.charge_up(session_id, 5_000)
    site.leave(session_id, 500)
    await site.sync()
    charge = await charge_of(engine, f"charge-{session_id}")
    assert (charge.total_cents, charge.quoted_cents, charge.status) == (500, 500, ChargeStatus.OPEN)
    assert charge.tariff_versions == ("parking/1", "charging/1")
    async with transaction(engine) as conn:
        assert [line.amount_cents for line in await queries.lines_of(conn, charge.charge_id)] == [300, 200]
        assert await balances(conn) == {"RECEIVABLE": 500, "PARKING_REVENUE": -300, "CHARGING_REVENUE": -200}
        (payment,) = await queries.payments_of(conn, charge.charge_id)
    assert (payment.status, payment.amount_cents) == (PaymentStatus.PENDING, 500)
    assert await jobs_of(engine) == [("pay_charge", {"payment_id": payment.payment_id})]
    assert await findings(engine) == []


async def test_the_same_events_again_charge_nothing_again(engine: AsyncEngine, site: Site) -> None:
    await site.stay("customer-1")
    async with transaction(engine) as conn:
        wanted = of_types(told(site.entries), BillingProjection.types)
        await BillingProjection()(conn, FACILITY_ID, site.log_id, wanted)
        assert await conn.scalar(text("SELECT count(*) FROM billing.charges")) == 1
        assert await balances(conn) == {"RECEIVABLE": 300, "PARKING_REVENUE": -300}
    assert len(await jobs_of(engine)) == 1


async def test_what_a_pass_covers_is_paid_at_once_and_gets_a_receipt(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter("customer-1", covers_parking=True)
    site.leave(session_id, 0)
    await site.sync()
    charge = await charge_of(engine, f"charge-{session_id}")
    assert (charge.status, charge.total_cents) == (ChargeStatus.PAID, 0)
    assert await jobs_of(engine) == [("send_receipt", {"charge_id": charge.charge_id})]
    async with transaction(engine) as conn:
        assert await queries.payments_of(conn, charge.charge_id) == []


async def test_a_ticket_paid_on_site_is_settled_by_that(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter(None)
    site.pay(session_id, 300)
    site.leave(session_id, 300)
    await site.sync()
    charge = await charge_of(engine, f"charge-{session_id}")
    assert charge.status is ChargeStatus.PAID
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge.charge_id)
        assert (payment.kind, payment.reference) == (PaymentKind.SITE_CASH, "slip-1")
        assert await balances(conn) == {"SITE_CASH": 300, "PARKING_REVENUE": -300}
    assert await jobs_of(engine) == []


async def test_the_card_pays_what_was_not_paid_on_site(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter("customer-1")
    site.pay(session_id, 100)
    site.leave(session_id, 300)
    await site.sync()
    async with transaction(engine) as conn:
        amounts = {p.kind: p.amount_cents for p in await queries.payments_of(conn, f"charge-{session_id}")}
    assert amounts == {PaymentKind.SITE_CASH: 100, PaymentKind.CARD_ON_FILE: 200}


async def test_an_unpaid_ticket_stays_open(engine: AsyncEngine, site: Site) -> None:
    charge = await charge_of(engine, await site.stay(None))
    assert charge.status is ChargeStatus.OPEN
    assert await jobs_of(engine) == []


async def test_a_charge_that_is_not_what_the_lane_quoted_is_noticed(engine: AsyncEngine, site: Site) -> None:
    await site.stay("customer-1", quoted_cents=299)
    assert await findings(engine) == [(DiscrepancyKind.QUOTE_DIFFERS, 299, 300)]


async def test_money_taken_after_the_exit_still_counts(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter(None)
    site.leave(session_id, 300)
    await site.sync()
    site.pay(session_id, 300)
    await site.sync()
    assert (await charge_of(engine, f"charge-{session_id}")).status is ChargeStatus.PAID


async def test_money_taken_while_a_card_payment_is_under_way_is_the_customers(engine: AsyncEngine, site: Site) -> None:
    charge_id = await site.stay("customer-1")
    site.pay(charge_id.removeprefix("charge-"), 300)
    await site.sync()
    assert (await charge_of(engine, charge_id)).status is ChargeStatus.OPEN
    assert await findings(engine) == [(DiscrepancyKind.OVERPAID, 0, 300)]
    async with transaction(engine) as conn:
        assert (await balances(conn))["CUSTOMER_CREDIT"] == -300


async def test_charging_that_ends_after_the_exit_is_written_down_and_not_charged(
    engine: AsyncEngine, site: Site
) -> None:
    charge_id = await site.stay("customer-1")
    site.charge_up(charge_id.removeprefix("charge-"), 5_000)
    await site.sync()
    assert (await charge_of(engine, charge_id)).total_cents == 300
    assert await findings(engine) == [(DiscrepancyKind.LATE_TRANSACTION, 500, 300)]


async def test_it_makes_no_difference_whether_it_comes_in_the_same_batch(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter("customer-1")
    site.charge_up(session_id, 5_000)
    site.leave(session_id, 500)
    site.charge_up(session_id, 2_500, at_ms=NINE_MS + 2 * HOUR_MS)
    await site.sync()
    async with transaction(engine) as conn:
        found = await queries.find_discrepancies(conn, limit=10)
    assert [(d.kind, d.expected_cents, d.found_cents) for d in found] == [(DiscrepancyKind.LATE_TRANSACTION, 600, 500)]


async def test_energy_of_no_session_is_written_down(engine: AsyncEngine, site: Site) -> None:
    site.charge_up(None, 5_000)
    await site.sync()
    assert await findings(engine) == [(DiscrepancyKind.UNBILLED_TRANSACTION, 0, 0)]


async def test_an_exit_without_a_price_is_parked_and_the_log_goes_on(engine: AsyncEngine, site: Site) -> None:
    async with transaction(engine) as conn:
        await conn.execute(text("DELETE FROM tariffs.tariffs WHERE tariff_id = 'charging'"))
    poor = site.enter("customer-1")
    site.charge_up(poor, 1_000)
    site.leave(poor, 340)
    good = site.enter("customer-2")
    site.leave(good, 300)
    await site.sync()
    async with transaction(engine) as conn:
        parked = (await conn.execute(text("SELECT seq, projection, error FROM link.parked"))).all()
        assert [(row.seq, row.projection) for row in parked] == [(4, "billing")]
        assert "no CHARGING tariff" in parked[0].error
        assert await queries.charge(conn, f"charge-{poor}") is None
    assert (await charge_of(engine, f"charge-{good}")).total_cents == 300


async def test_the_database_refuses_a_transfer_that_does_not_sum_to_zero(engine: AsyncEngine) -> None:
    with pytest.raises(IntegrityError, match="do not sum to zero"):
        async with transaction(engine) as conn:
            await conn.execute(
                text("INSERT INTO billing.postings VALUES ('t', 1, 'c', 'GATEWAY', 5, 0), ('t', 2, 'c', 'X', -4, 0)")
            )


@pytest.mark.parametrize("change", ["UPDATE billing.postings SET amount_cents = 1", "DELETE FROM billing.postings"])
async def test_the_database_refuses_to_edit_money(engine: AsyncEngine, site: Site, change: str) -> None:
    await site.stay("customer-1")
    with pytest.raises(IntegrityError, match="reversed, never edited"):
        async with transaction(engine) as conn:
            await conn.execute(text(change))
    async with transaction(engine) as conn:
        assert await transfers_out_of_balance(conn) == 0
