"""A charge is paid once, whatever is repeated, lost or cut short between us and the gateway."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.billing import collecting, payments, queries
from cloud.billing.payments import KEY_TRUSTED_MS, Cashier
from cloud.billing.records import Payment
from cloud.billing.rules import ChargeStatus, DiscrepancyKind, PaymentStatus
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayUnavailable, PaymentOrder, PaymentOutcome
from cloud.gateway import PaymentStatus as GatewayStatus
from shared.clock import Clock, Timeline
from tests.cloud.billing.stays import Site, add_customer, balances, jobs_of, transfers_out_of_balance
from tests.provisioning.stripe_stand_in.running import API_KEY, WEBHOOK_SECRET

pytestmark = pytest.mark.anyio


class LosingGateway(Gateway):
    """The gateway takes the money and the answer never arrives, ``losses`` times: as if the worker had died."""

    losses = 1

    async def pay(self, order: PaymentOrder) -> PaymentOutcome:
        outcome = await super().pay(order)
        if self.losses:
            self.losses -= 1
            raise GatewayUnavailable("the answer was lost")
        return outcome


async def payment_of(engine: AsyncEngine, charge_id: str) -> Payment:
    """The newest payment of a charge."""
    async with transaction(engine) as conn:
        return (await queries.payments_of(conn, charge_id))[-1]


async def status_of(engine: AsyncEngine, charge_id: str) -> ChargeStatus:
    async with transaction(engine) as conn:
        charge = await queries.charge(conn, charge_id)
    assert charge is not None
    return charge.status


async def taken(gateway: Gateway, payment: Payment) -> list[int]:
    """What the gateway took from this payment's customer, by its own books."""
    assert payment.gateway_customer_id is not None
    found = gateway.payments(since_ms=0, gateway_customer_id=payment.gateway_customer_id)
    return [intent["amount_received"] async for intent in found if intent["amount_received"]]


async def test_a_payment_settles_the_charge_and_sends_a_receipt(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    paid = await payment_of(engine, charge_id)
    assert (paid.status, paid.card_brand, paid.card_last4) == (PaymentStatus.SUCCEEDED, "visa", "4242")
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
    assert await taken(gateway, paid) == [300]
    assert (await jobs_of(engine))[1:] == [("send_receipt", {"charge_id": charge_id})]


async def test_run_again_it_takes_nothing_and_sends_nothing(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    for _ in range(3):
        await cashier.pay_charge(payment_id=payment.payment_id)
    assert await taken(gateway, await payment_of(engine, charge_id)) == [300]
    assert len(await jobs_of(engine)) == 2


async def test_run_many_times_at_once_it_takes_the_money_once(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, payer: str
) -> None:
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    await asyncio.gather(*(cashier.pay_charge(payment_id=payment.payment_id) for _ in range(6)))
    assert await taken(gateway, await payment_of(engine, charge_id)) == [300]
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 300, "PARKING_REVENUE": -300}
    assert len(await jobs_of(engine)) == 2


async def test_a_crash_between_the_gateway_and_our_books_pays_once(
    engine: AsyncEngine, site: Site, stripe_base: str, clock: Clock, payer: str
) -> None:
    losing = LosingGateway(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    cashier = Cashier(engine, losing, clock)
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    with pytest.raises(GatewayUnavailable):
        await cashier.pay_charge(payment_id=payment.payment_id)
    assert (await payment_of(engine, charge_id)).status is PaymentStatus.SUBMITTED
    await cashier.pay_charge(payment_id=payment.payment_id)
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    assert await taken(losing, await payment_of(engine, charge_id)) == [300]
    await losing.aclose()


async def test_after_the_gateway_forgot_the_key_the_payment_is_looked_up_and_not_made_again(
    engine: AsyncEngine, site: Site, stripe_base: str, clock: Clock, payer: str
) -> None:
    losing = LosingGateway(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    with pytest.raises(GatewayUnavailable):
        await Cashier(engine, losing, clock).pay_charge(payment_id=payment.payment_id)
    later = Clock(Timeline(), lambda: clock.now_ms() / 1000 + KEY_TRUSTED_MS / 1000 + 60)
    order: list[PaymentOrder] = []

    class NeverAsked(Gateway):
        async def pay(self, asked: PaymentOrder) -> PaymentOutcome:
            order.append(asked)
            return await super().pay(asked)

    fresh = NeverAsked(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    await Cashier(engine, fresh, later).pay_charge(payment_id=payment.payment_id)
    assert order == []
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    assert await taken(fresh, await payment_of(engine, charge_id)) == [300]
    await losing.aclose()
    await fresh.aclose()


async def test_a_new_card_saved_meanwhile_does_not_change_a_payment_under_way(
    engine: AsyncEngine, site: Site, stripe_base: str, clock: Clock, payer: str
) -> None:
    losing = LosingGateway(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    with pytest.raises(GatewayUnavailable):
        await Cashier(engine, losing, clock).pay_charge(payment_id=payment.payment_id)
    async with transaction(engine) as conn:
        await conn.execute(text("UPDATE customers.payment_methods SET payment_method_id = 'pm_other'"))
    await Cashier(engine, losing, clock).pay_charge(payment_id=payment.payment_id)
    assert await taken(losing, await payment_of(engine, charge_id)) == [300]
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    await losing.aclose()


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeCustomerFail", "generic_decline"),
        ("pm_card_authenticationRequired", "authentication_required"),
        (None, "no_payment_method"),
    ],
)
async def test_a_decline_leaves_the_charge_open_with_the_reason_and_tells_the_customer(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway, card: str | None, code: str
) -> None:
    payer = await add_customer(engine, gateway, card)
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    await cashier.pay_charge(payment_id=payment.payment_id)
    declined = await payment_of(engine, charge_id)
    assert (declined.status, declined.code) == (PaymentStatus.DECLINED, code)
    assert await status_of(engine, charge_id) is ChargeStatus.OPEN
    async with transaction(engine) as conn:
        assert (await balances(conn))["RECEIVABLE"] == 300
    arguments = {"charge_id": charge_id, "payment_id": payment.payment_id}
    assert (await jobs_of(engine))[1:] == [("send_payment_failed", arguments)]


async def test_less_than_a_card_can_be_charged_is_refused_and_stays_open(
    engine: AsyncEngine, site: Site, cashier: Cashier, payer: str
) -> None:
    session_id = site.enter(payer)
    site.pay(session_id, 260)
    site.leave(session_id, 300)
    await site.sync()
    payment = await payment_of(engine, f"charge-{session_id}")
    await cashier.pay_charge(payment_id=payment.payment_id)
    assert (await payment_of(engine, f"charge-{session_id}")).code == "amount_too_small"


async def test_paying_again_after_a_decline_is_a_payment_of_its_own(
    engine: AsyncEngine, site: Site, cashier: Cashier, gateway: Gateway
) -> None:
    payer = await add_customer(engine, gateway, "pm_card_chargeCustomerFail")
    charge_id = await site.stay(payer)
    first = await payment_of(engine, charge_id)
    await cashier.pay_charge(payment_id=first.payment_id)
    good = await gateway._client.v1.payment_methods.attach_async(
        "pm_card_visa", {"customer": (await payment_of(engine, charge_id)).gateway_customer_id or ""}
    )
    async with transaction(engine) as conn:
        await conn.execute(text("UPDATE customers.payment_methods SET payment_method_id = :id"), {"id": good.id})
        charge = await queries.charge(conn, charge_id)
        assert charge is not None
        again = await collecting.collect(conn, charge, now_ms=0)
        assert again is not None
        assert await collecting.collect(conn, charge, now_ms=0) is None, "one payment at a time"
    assert again.payment_id != first.payment_id
    await cashier.pay_charge(payment_id=again.payment_id)
    assert await status_of(engine, charge_id) is ChargeStatus.PAID


async def test_a_success_that_comes_after_a_second_payment_is_kept_as_the_customers(
    engine: AsyncEngine, site: Site, payer: str
) -> None:
    """The bank confirmed the first payment late, when the second was through already."""
    charge_id = await site.stay(payer)
    first = await payment_of(engine, charge_id)
    declined = PaymentOutcome(GatewayStatus.REQUIRES_ACTION, "pi_1", "authentication_required", "confirm")
    async with transaction(engine) as conn:
        await payments.record(conn, first.payment_id, declined, now_ms=1)
        charge = await queries.charge(conn, charge_id)
        assert charge is not None
        second = await collecting.collect(conn, charge, now_ms=2)
        assert second is not None
        for payment_id, intent in ((second.payment_id, "pi_2"), (first.payment_id, "pi_1")):
            await payments.record(conn, payment_id, PaymentOutcome(GatewayStatus.SUCCEEDED, intent), now_ms=3)
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 600, "PARKING_REVENUE": -300, "CUSTOMER_CREDIT": -300}
        assert await transfers_out_of_balance(conn) == 0
        assert [d.kind for d in await queries.find_discrepancies(conn, limit=9)] == [DiscrepancyKind.OVERPAID]


async def test_a_gateway_that_cannot_be_reached_leaves_the_payment_to_be_tried_again(
    engine: AsyncEngine, site: Site, clock: Clock, payer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.gateway.NETWORK_RETRIES_MAX", 0)
    nowhere = Gateway(API_KEY, WEBHOOK_SECRET, api_base="http://127.0.0.1:9")
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    with pytest.raises(GatewayUnavailable):
        await Cashier(engine, nowhere, clock).pay_charge(payment_id=payment.payment_id)
    assert (await payment_of(engine, charge_id)).status is PaymentStatus.SUBMITTED
    await nowhere.aclose()


async def test_what_a_lost_database_had_taken_is_found_and_booked_as_it_was_taken(
    engine: AsyncEngine, site: Site, clock: Clock, gateway: Gateway, payer: str
) -> None:
    """The database was restored to hours ago, without the price list by which the session was charged then."""
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    async with transaction(engine) as conn:
        submitted = await payments.submit(conn, payment.payment_id, now_ms=clock.now_ms())
    assert submitted is not None
    await gateway.pay(replace(payments.order_of(submitted.payment), amount_cents=459))
    async with transaction(engine) as conn:
        await conn.execute(text("UPDATE billing.payments SET status = 'PENDING'"))
    hours_later = Clock(Timeline(), lambda: clock.now_ms() / 1000 + 5 * 3600)
    await Cashier(engine, gateway, hours_later).pay_charge(payment_id=payment.payment_id)
    paid = await payment_of(engine, charge_id)
    assert (paid.status, paid.amount_cents) == (PaymentStatus.SUCCEEDED, 459)
    assert await taken(gateway, paid) == [459]
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    async with transaction(engine) as conn:
        assert await balances(conn) == {"GATEWAY": 459, "PARKING_REVENUE": -300, "CUSTOMER_CREDIT": -159}
        assert [d.kind for d in await queries.find_discrepancies(conn, limit=9)] == [DiscrepancyKind.OVERPAID]


async def test_a_payment_that_is_processed_is_asked_about_until_it_is_known(
    engine: AsyncEngine, site: Site, stripe_base: str, clock: Clock, payer: str
) -> None:
    """The webhook that should tell never comes, and the gateway goes on answering the same key with the same."""

    class SlowBank(Gateway):
        told = PaymentOutcome(GatewayStatus.PROCESSING, "pi_slow")

        async def pay(self, order: PaymentOrder) -> PaymentOutcome:
            return PaymentOutcome(GatewayStatus.PROCESSING, "pi_slow")

        async def find_payment(
            self,
            payment_id: str,
            *,
            gateway_customer_id: str,
            since_ms: int,
        ) -> PaymentOutcome | None:
            return self.told

    slow = SlowBank(API_KEY, WEBHOOK_SECRET, api_base=stripe_base)
    cashier = Cashier(engine, slow, clock)
    charge_id = await site.stay(payer)
    payment = await payment_of(engine, charge_id)
    for _ in range(2):
        with pytest.raises(GatewayUnavailable, match="being processed"):
            await cashier.pay_charge(payment_id=payment.payment_id)
    slow.told = PaymentOutcome(GatewayStatus.SUCCEEDED, "pi_slow", received_cents=300)
    await cashier.pay_charge(payment_id=payment.payment_id)
    assert await status_of(engine, charge_id) is ChargeStatus.PAID
    await slow.aclose()
