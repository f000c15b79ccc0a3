"""The job that takes money from a saved card.

1. In one transaction the payment is fixed (whose card, which card) and becomes SUBMITTED. 2. The gateway is asked with
no transaction open. 3. In another transaction the outcome is booked. Our row is the guard; the gateway's idempotency
key, which is the row's id, covers a crash between 2 and 3.

A database that was restored to a time before 1 has forgotten that the gateway was asked, by whatever card and for
whatever amount. The row's id is made from the session's and comes again, so the gateway's list of payments tells: it is
looked at before asking again, and before asking late. What the gateway took is booked, not what it was asked for.
"""

from dataclasses import asdict, dataclass, replace

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import jobs
from cloud.billing import ledger, queries, refunding
from cloud.billing.records import Payment
from cloud.billing.rules import LIVE, PaymentStatus
from cloud.billing.store import payments
from cloud.customers.store import customer, payment_method_of
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayRefused, GatewayUnavailable, PaymentOrder, PaymentOutcome
from cloud.gateway import PaymentStatus as GatewayStatus
from shared.clock import DAY_MS, HOUR_MS, Clock

KEY_TRUSTED_MS = 20 * HOUR_MS
"""The gateway forgets idempotency keys after 24 h; well before that we look for the payment first."""
CLOCK_WRONG_MAX_MS = DAY_MS
"""When a car went out is told by its facility's clock. No payment for it is older than that, less this."""

NO_PAYMENT_METHOD = PaymentOutcome(
    GatewayStatus.DECLINED, code="no_payment_method", message="There is no card on file to charge."
)


@dataclass(frozen=True, slots=True)
class Question:
    """A payment that the gateway is to be asked for. ``again``: it may have been asked before; ``exited_ms`` is the
    charge's, before which it was not."""

    payment: Payment
    again: bool
    exited_ms: int

    @property
    def since_ms(self) -> int:
        """Where the gateway's list is to be read from."""
        return self.exited_ms - CLOCK_WRONG_MAX_MS

    def looks_first(self, now_ms: int) -> bool:
        """Whether the gateway may have taken the money already under a key that it has forgotten, or have said since
        what it did not know when it was asked."""
        return self.again or now_ms - self.exited_ms > KEY_TRUSTED_MS


@dataclass(frozen=True, slots=True)
class Cashier:
    """What the job needs: the database, the gateway and lived time."""

    engine: AsyncEngine
    gateway: Gateway
    clock: Clock

    async def pay_charge(self, *, payment_id: str) -> None:
        """Take a payment. Harmless when it runs again or twice at once; a decline is recorded and not repeated.

        Raises GatewayUnavailable when it is not known yet what became of it: the job is tried again later, so that a
        webhook that never comes leaves nothing open.
        """
        async with transaction(self.engine) as conn:
            question = await submit(conn, payment_id, now_ms=self.clock.now_ms())
        if question is None:
            return
        outcome = await self._ask_gateway(question)
        async with transaction(self.engine) as conn:
            await record(conn, payment_id, outcome, now_ms=self.clock.now_ms())
        if outcome.status is GatewayStatus.PROCESSING:
            raise GatewayUnavailable(f"payment {payment_id} is being processed")

    async def _ask_gateway(self, question: Question) -> PaymentOutcome:
        if question.looks_first(self.clock.now_ms()):
            found = await self._find(question)
            if found is not None:
                return found
        try:
            return await self.gateway.pay(order_of(question.payment))
        except GatewayRefused as refusal:
            found = await self._find(question)
            return found or PaymentOutcome(GatewayStatus.DECLINED, code=refusal.code, message=refusal.message)

    async def _find(self, question: Question) -> PaymentOutcome | None:
        payment = question.payment
        if payment.gateway_customer_id is None:
            return None
        return await self.gateway.find_payment(
            payment.payment_id, gateway_customer_id=payment.gateway_customer_id, since_ms=question.since_ms
        )


def order_of(payment: Payment) -> PaymentOrder:
    return PaymentOrder(
        payment_id=payment.payment_id,
        amount_cents=payment.amount_cents,
        gateway_customer_id=payment.gateway_customer_id or "",
        payment_method_id=payment.payment_method_id or "",
        description="Parking and charging",
        metadata={"charge_id": payment.charge_id},
    )


async def submit(conn: AsyncConnection, payment_id: str, *, now_ms: int) -> Question | None:
    """Fix who pays with which card before the gateway is asked, so that a repeated call says the same. None when the
    payment is settled, or has just been declined for want of a card."""
    payment = await _lock(conn, payment_id)
    charge = await queries.charge(conn, payment.charge_id)
    if charge is None or payment.status not in LIVE:
        return None
    if payment.status is PaymentStatus.SUBMITTED:
        return Question(payment, again=True, exited_ms=charge.exited_ms)
    payer = await customer(conn, charge.customer_id or "")
    card = await payment_method_of(conn, payer.customer_id) if payer else None
    if payer is None or payer.gateway_customer_id is None or card is None:
        await record(conn, payment_id, NO_PAYMENT_METHOD, now_ms=now_ms)
        return None
    submitted = replace(
        payment,
        status=PaymentStatus.SUBMITTED,
        gateway_customer_id=payer.gateway_customer_id,
        payment_method_id=card.payment_method_id,
        card_brand=card.brand,
        card_last4=card.last4,
        submitted_at_ms=now_ms,
    )
    await _write(conn, submitted)
    return Question(submitted, again=False, exited_ms=charge.exited_ms)


async def record(conn: AsyncConnection, payment_id: str, outcome: PaymentOutcome, *, now_ms: int) -> None:
    """Book what became of a payment, whoever learned it first: the job or a webhook.

    A success always counts, even after a decline (the customer confirmed it later); a decline counts only for a
    payment that is not settled. PROCESSING changes nothing.
    """
    payment = await _lock(conn, payment_id)
    if payment.status is PaymentStatus.SUCCEEDED:
        return
    if outcome.status is GatewayStatus.SUCCEEDED:
        taken = settled(payment, outcome, now_ms=now_ms)
        await _write(conn, taken)
        await ledger.book_payment(conn, taken, at_ms=now_ms)
        await refunding.learn_all(conn, taken, now_ms=now_ms)
    elif outcome.status is not GatewayStatus.PROCESSING and payment.status in LIVE:
        await _write(conn, settled(payment, outcome, now_ms=now_ms))
        await jobs.defer(conn, ledger.SEND_PAYMENT_FAILED, charge_id=payment.charge_id, payment_id=payment_id)


async def _lock(conn: AsyncConnection, payment_id: str) -> Payment:
    """The payment, with its charge locked first: whoever books anything on a charge takes that one lock."""
    known = await queries.payment(conn, payment_id)
    if known is None:
        raise LookupError(f"there is no payment {payment_id}")
    await queries.charge(conn, known.charge_id, lock=True)
    locked = await queries.payment(conn, payment_id, lock=True)
    return locked or known


def settled(payment: Payment, outcome: PaymentOutcome, *, now_ms: int) -> Payment:
    """A payment that has come to its end: what was taken stands in the place of what was asked for."""
    is_taken = outcome.status is GatewayStatus.SUCCEEDED
    return replace(
        payment,
        status=PaymentStatus.SUCCEEDED if is_taken else PaymentStatus.DECLINED,
        amount_cents=payment.amount_cents if outcome.received_cents is None else outcome.received_cents,
        gateway_payment_id=outcome.gateway_payment_id or payment.gateway_payment_id,
        code=outcome.code,
        message=outcome.message,
        settled_at_ms=now_ms,
    )


async def _write(conn: AsyncConnection, payment: Payment) -> None:
    await conn.execute(update(payments).where(payments.c.payment_id == payment.payment_id).values(asdict(payment)))
