"""Money goes back to the card it came from, never more than came, and the books follow."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import queries, refunding
from cloud.billing.payments import Cashier
from cloud.billing.records import Refund
from cloud.billing.refunding import NothingToRefund, Refunder, RefundRequest, request_refund
from cloud.billing.rules import RefundStatus
from cloud.db import transaction
from cloud.gateway import RefundOutcome
from cloud.gateway import RefundStatus as GatewayStatus
from tests.cloud.billing.stays import Site, balances, jobs_of, transfers_out_of_balance

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paid(engine: AsyncEngine, site: Site, cashier: Cashier, payer: str) -> str:
    """A charge of $3 paid by card."""
    charge_id = await site.stay(payer)
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    return charge_id


async def ask(engine: AsyncEngine, charge_id: str, amount_cents: int | None) -> Refund:
    async with transaction(engine) as conn:
        return await request_refund(conn, RefundRequest(charge_id, amount_cents, "barrier stuck", "kim"), now_ms=1)


async def refund_of(engine: AsyncEngine, refund_id: str) -> Refund:
    async with transaction(engine) as conn:
        found = await queries.refund(conn, refund_id)
    assert found is not None
    return found


async def test_a_refund_is_asked_for_done_by_a_job_and_booked(
    engine: AsyncEngine, refunder: Refunder, paid: str
) -> None:
    asked = await ask(engine, paid, 100)
    assert (asked.status, asked.requested_by) == (RefundStatus.PENDING, "kim")
    assert (await jobs_of(engine))[-1] == ("give_refund", {"refund_id": asked.refund_id})
    await refunder.give_refund(refund_id=asked.refund_id)
    assert (await refund_of(engine, asked.refund_id)).status is RefundStatus.SUCCEEDED
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}


async def test_run_again_or_at_once_it_gives_back_once(engine: AsyncEngine, refunder: Refunder, paid: str) -> None:
    asked = await ask(engine, paid, 100)
    await asyncio.gather(*(refunder.give_refund(refund_id=asked.refund_id) for _ in range(4)))
    await refunder.give_refund(refund_id=asked.refund_id)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 200, "PARKING_REVENUE": -200}
        assert await transfers_out_of_balance(conn) == 0


async def test_all_together_never_exceed_what_was_paid_by_card(
    engine: AsyncEngine, refunder: Refunder, paid: str
) -> None:
    await ask(engine, paid, 250)
    with pytest.raises(NothingToRefund, match="50 cents are left"):
        await ask(engine, paid, 51)
    rest = await ask(engine, paid, None)
    assert rest.amount_cents == 50
    await refunder.give_refund(refund_id=rest.refund_id)
    with pytest.raises(NothingToRefund, match="0 cents are left"):
        await ask(engine, paid, None)


async def test_money_taken_on_site_is_not_given_back_by_card(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter(None)
    site.pay(session_id, 300)
    site.leave(session_id, 300)
    await site.sync()
    with pytest.raises(NothingToRefund):
        await ask(engine, f"charge-{session_id}", 100)


async def test_a_refund_that_fails_later_is_reversed(engine: AsyncEngine, refunder: Refunder, paid: str) -> None:
    asked = await ask(engine, paid, 100)
    await refunder.give_refund(refund_id=asked.refund_id)
    done = await refund_of(engine, asked.refund_id)
    failed = RefundOutcome(GatewayStatus.FAILED, done.gateway_refund_id or "", "expired_or_canceled_card")
    for _ in range(2):
        async with transaction(engine) as conn:
            await refunding.record(conn, asked.refund_id, failed, now_ms=2)
    assert (await refund_of(engine, asked.refund_id)).code == "expired_or_canceled_card"
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
        assert await transfers_out_of_balance(conn) == 0
