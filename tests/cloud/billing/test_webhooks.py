"""What Stripe tells may come twice, in any order, before or after we know it, and leaves the same books."""

import random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import queries, webhooks
from cloud.billing.payments import Cashier
from cloud.billing.records import Payment
from cloud.billing.rules import ChargeStatus, DiscrepancyKind, PaymentStatus, RefundStatus
from cloud.customers.store import payment_method_of
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayEvent
from tests.cloud.billing.stays import Site, add_customer, balances, jobs_of, transfers_out_of_balance

pytestmark = pytest.mark.anyio


def event(type_: str, body: dict[str, Any], event_id: str = "evt_1") -> GatewayEvent:
    return GatewayEvent(event_id, type_, 0, body)


async def tell(engine: AsyncEngine, told: GatewayEvent) -> bool:
    async with transaction(engine) as conn:
        return await webhooks.receive(conn, told, None, now_ms=5)


async def all_events(gateway: Gateway) -> list[GatewayEvent]:
    """The gateway's own record of what it told, oldest first."""
    found = await gateway._client.v1.events.list_async({"limit": 100})
    events = [
        GatewayEvent(e.id, e.type, e.created * 1000, e.data.object.to_dict()) async for e in found.auto_paging_iter()
    ]
    return events[::-1]


async def events_about(gateway: Gateway, gateway_customer_id: str) -> list[GatewayEvent]:
    """The gateway's own record of what it told about a customer, oldest first."""
    return [e for e in await all_events(gateway) if e.body.get("customer") == gateway_customer_id]


async def events_of_refunds(gateway: Gateway, gateway_payment_id: str) -> list[GatewayEvent]:
    """The gateway's own record of what it told about what it gave back of a payment, oldest first."""
    wanted = ("charge.refunded", "refund.created")
    return [e for e in await all_events(gateway) if e.type in wanted and e.body["payment_intent"] == gateway_payment_id]


async def only_payment(engine: AsyncEngine, charge_id: str) -> Payment:
    async with transaction(engine) as conn:
        (payment,) = await queries.payments_of(conn, charge_id)
    return payment


def intent(payment_id: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": "pi_1", "status": status, "metadata": {"payment_id": payment_id}, "amount_received": 300, **more}


async def test_an_event_is_handled_once_however_often_it_comes(engine: AsyncEngine, site: Site) -> None:
    payment = await only_payment(engine, await site.stay("customer-1"))
    told = event("payment_intent.succeeded", intent(payment.payment_id, "succeeded"))
    assert [await tell(engine, told) for _ in range(3)] == [True, False, False]
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
        assert await conn.scalar(text("SELECT count(*) FROM billing.webhooks")) == 1
    assert [task for task, _ in await jobs_of(engine)] == ["pay_charge", "send_receipt"]


async def test_a_success_told_before_the_job_knew_is_booked_and_the_job_then_does_nothing(
    engine: AsyncEngine, site: Site, cashier: Cashier, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await only_payment(engine, charge_id)
    await tell(engine, event("payment_intent.succeeded", intent(payment.payment_id, "succeeded")))
    await cashier.pay_charge(payment_id=payment.payment_id)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}


async def test_a_failure_told_late_does_not_undo_a_success(engine: AsyncEngine, site: Site) -> None:
    payment = await only_payment(engine, await site.stay("customer-1"))
    await tell(engine, event("payment_intent.succeeded", intent(payment.payment_id, "succeeded"), "evt_2"))
    failed = intent(payment.payment_id, "requires_payment_method", last_payment_error={"code": "card_declined"})
    await tell(engine, event("payment_intent.payment_failed", failed, "evt_1"))
    assert (await only_payment(engine, payment.charge_id)).status is PaymentStatus.SUCCEEDED


async def test_all_that_the_gateway_tells_in_any_order_and_twice_changes_nothing_that_is_booked(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await only_payment(engine, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    paid = await only_payment(engine, charge_id)
    told = await events_about(gateway, paid.gateway_customer_id or "")
    assert {"payment_intent.created", "payment_intent.succeeded", "charge.succeeded"} <= {e.type for e in told}
    told *= 2
    random.Random(5).shuffle(told)  # noqa: S311 - any order will do
    for one in told:
        await tell(engine, one)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
        assert await transfers_out_of_balance(conn) == 0
        assert await queries.find_discrepancies(conn, limit=9) == []


async def test_money_given_back_in_stripes_own_pages_is_booked_once(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await only_payment(engine, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    paid = await only_payment(engine, charge_id)
    for amount in (100, 50):
        await gateway._client.v1.refunds.create_async(
            {"payment_intent": paid.gateway_payment_id or "", "amount": amount}
        )
    told = await events_of_refunds(gateway, paid.gateway_payment_id or "")
    assert len(told) == 4
    for one in (*reversed(told), *told):
        await tell(engine, one)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 150, "PARKING_REVENUE": -150}
        refunds = await queries.refunds_of(conn, charge_id)
    assert {(r.amount_cents, r.status, r.requested_by) for r in refunds} == {
        (amount, RefundStatus.SUCCEEDED, "gateway") for amount in (100, 50)
    }


async def test_money_that_is_not_in_our_books_is_written_down(engine: AsyncEngine) -> None:
    stranger = intent("payment-of-a-lost-database", "succeeded")
    await tell(engine, event("payment_intent.succeeded", stranger))
    async with transaction(engine) as conn:
        (found,) = await queries.find_discrepancies(conn, limit=9)
    assert (found.kind, found.found_cents) == (DiscrepancyKind.UNKNOWN_PAYMENT, 300)


async def test_a_saved_card_becomes_the_customers(engine: AsyncEngine, gateway: Gateway) -> None:
    customer_id = await add_customer(engine, gateway, card=None)
    async with transaction(engine) as conn:
        gateway_id = await conn.scalar(
            text("SELECT gateway_customer_id FROM customers.customers WHERE customer_id = :id"), {"id": customer_id}
        )
    begun = await gateway.create_setup_intent(gateway_id, key=f"key-{customer_id}")
    await gateway._client.v1.setup_intents.confirm_async(begun.setup_intent_id, {"payment_method": "pm_card_amex"})
    (told,) = [e for e in await events_about(gateway, gateway_id) if e.type == "setup_intent.succeeded"]
    card = await webhooks.card_of(gateway, told)
    async with transaction(engine) as conn:
        assert await webhooks.receive(conn, told, card, now_ms=5)
        saved = await payment_method_of(conn, customer_id)
    assert saved is not None
    assert (saved.brand, saved.last4) == ("amex", "0005")


async def test_a_charge_stays_open_until_a_payment_that_is_processing_is_told_of(
    engine: AsyncEngine, site: Site
) -> None:
    charge_id = await site.stay("customer-1")
    payment = await only_payment(engine, charge_id)
    await tell(engine, event("payment_intent.canceled", intent(payment.payment_id, "processing"), "evt_1"))
    async with transaction(engine) as conn:
        charge = await queries.charge(conn, charge_id)
    assert charge is not None
    assert charge.status is ChargeStatus.OPEN
