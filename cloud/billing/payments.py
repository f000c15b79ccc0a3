"""The job that takes money from a saved card.

1. In one transaction the payment is fixed (whose card, which card) and becomes SUBMITTED. 2. The gateway is asked with
no transaction open. 3. In another transaction the outcome is booked. Our row is the guard; the gateway's idempotency
key, which is the row's id, covers a crash between 2 and 3: the job runs again and gets the same answer.
"""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import jobs
from cloud.billing import ledger, queries
from cloud.billing.records import Payment
from cloud.billing.rules import LIVE, PaymentStatus
from cloud.billing.store import payments
from cloud.customers.store import customer, payment_method_of
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayRefused, PaymentOrder, PaymentOutcome
from cloud.gateway import PaymentStatus as GatewayStatus
from shared.clock import HOUR_MS, Clock

KEY_TRUSTED_MS = 20 * HOUR_MS
"""The gateway forgets idempotency keys after 24 h; well before that we look for the payment instead."""

NO_PAYMENT_METHOD = PaymentOutcome(
    GatewayStatus.DECLINED, code="no_payment_method", message="There is no card on file to charge."
)


@dataclass(frozen=True, slots=True)
class Cashier:
    """What the job needs: the database, the gateway and lived time."""

    engine: AsyncEngine
    gateway: Gateway
    clock: Clock

    async def pay_charge(self, *, payment_id: str) -> None:
        """Take a payment. Harmless when it runs again or twice at once; a decline is recorded and not repeated.

        Raises GatewayUnavailable when it is unknown what became of it: the job is tried again later.
        """
        async with transaction(self.engine) as conn:
            payment = await submit(conn, payment_id, now_ms=self.clock.now_ms())
        if payment is None:
            return
        outcome = await self._ask_gateway(payment)
        async with transaction(self.engine) as conn:
            await record(conn, payment_id, outcome, now_ms=self.clock.now_ms())

    async def _ask_gateway(self, payment: Payment) -> PaymentOutcome:
        submitted_ms = payment.submitted_at_ms or payment.created_at_ms
        if self.clock.now_ms() - submitted_ms > KEY_TRUSTED_MS:
            found = await self._find(payment)
            if found is not None:
                return found
        try:
            return await self.gateway.pay(_order(payment))
        except GatewayRefused as refusal:
            found = await self._find(payment)
            return found or PaymentOutcome(GatewayStatus.DECLINED, code=refusal.code, message=refusal.message)

    async def _find(self, payment: Payment) -> PaymentOutcome | None:
        if payment.gateway_customer_id is None:
            return None
        since_ms = (payment.submitted_at_ms or payment.created_at_ms) - HOUR_MS
        return await self.gateway.find_payment(
            payment.payment_id, gateway_customer_id=payment.gateway_customer_id, since_ms=since_ms
        )


def _order(payment: Payment) -> PaymentOrder:
    return PaymentOrder(
        payment_id=payment.payment_id,
        amount_cents=payment.amount_cents,
        gateway_customer_id=payment.gateway_customer_id or "",
        payment_method_id=payment.payment_method_id or "",
        description="Parking and charging",
        metadata={"charge_id": payment.charge_id},
    )


async def submit(conn: AsyncConnection, payment_id: str, *, now_ms: int) -> Payment | None:
    """Fix who pays with which card before the gateway is asked, so that a repeated call says the same. None when the
    payment is settled, or has just been declined for want of a card."""
    payment = await _lock(conn, payment_id)
    if payment.status not in LIVE:
        return None
    if payment.status is PaymentStatus.SUBMITTED:
        return payment
    charge = await queries.charge(conn, payment.charge_id)
    payer = await customer(conn, charge.customer_id or "") if charge else None
    card = await payment_method_of(conn, payer.customer_id) if payer else None
    if payer is None or payer.gateway_customer_id is None or card is None:
        await record(conn, payment_id, NO_PAYMENT_METHOD, now_ms=now_ms)
        return None
    values = {
        "status": PaymentStatus.SUBMITTED,
        "gateway_customer_id": payer.gateway_customer_id,
        "payment_method_id": card.payment_method_id,
        "card_brand": card.brand,
        "card_last4": card.last4,
        "submitted_at_ms": now_ms,
    }
    await conn.execute(update(payments).where(payments.c.payment_id == payment_id).values(values))
    return await queries.payment(conn, payment_id)


async def record(conn: AsyncConnection, payment_id: str, outcome: PaymentOutcome, *, now_ms: int) -> None:
    """Book what became of a payment, whoever learned it first: the job or a webhook.

    A success always counts, even after a decline (the customer confirmed it later); a decline counts only for a
    payment that is not settled. PROCESSING changes nothing: a webhook will tell.
    """
    payment = await _lock(conn, payment_id)
    if payment.status is PaymentStatus.SUCCEEDED:
        return
    if outcome.status is GatewayStatus.SUCCEEDED:
        await _settle(conn, payment, outcome, PaymentStatus.SUCCEEDED, now_ms=now_ms)
        await ledger.book_payment(conn, payment, at_ms=now_ms)
    elif outcome.status is not GatewayStatus.PROCESSING and payment.status in LIVE:
        await _settle(conn, payment, outcome, PaymentStatus.DECLINED, now_ms=now_ms)
        await jobs.defer(conn, ledger.SEND_PAYMENT_FAILED, charge_id=payment.charge_id, payment_id=payment_id)


async def _lock(conn: AsyncConnection, payment_id: str) -> Payment:
    """The payment, with its charge locked first: whoever books anything on a charge takes that one lock."""
    known = await queries.payment(conn, payment_id)
    if known is None:
        raise LookupError(f"there is no payment {payment_id}")
    await queries.charge(conn, known.charge_id, lock=True)
    locked = await queries.payment(conn, payment_id, lock=True)
    return locked or known


async def _settle(
    conn: AsyncConnection, payment: Payment, outcome: PaymentOutcome, status: PaymentStatus, *, now_ms: int
) -> None:
    values = {
        "status": status,
        "gateway_payment_id": outcome.gateway_payment_id or payment.gateway_payment_id,
        "code": outcome.code,
        "message": outcome.message,
        "settled_at_ms": now_ms,
    }
    await conn.execute(update(payments).where(payments.c.payment_id == payment.payment_id).values(values))
