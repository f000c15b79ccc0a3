"""Giving money back to the card it came from. Asked for by a person, done by a job as payments are."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import jobs
from cloud.billing import ledger, queries
from cloud.billing.records import Payment, Refund
from cloud.billing.rules import PaymentKind, PaymentStatus, RefundStatus
from cloud.billing.store import refunds
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayRefused, RefundOutcome
from cloud.gateway import RefundStatus as GatewayStatus
from shared.clock import Clock

GIVE_REFUND = "give_refund"


class NothingToRefund(ValueError):  # noqa: N818 - says what is so
    """More was asked back than the card payments of a charge still hold. The text says how much they do."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """``amount_cents`` None: all that is left of the card payment."""

    charge_id: str
    amount_cents: int | None
    reason: str
    requested_by: str


async def request_refund(conn: AsyncConnection, wanted: RefundRequest, *, now_ms: int) -> Refund:
    """Write a refund and its job. Raises NothingToRefund; LookupError when there is no such charge."""
    if await queries.charge(conn, wanted.charge_id, lock=True) is None:
        raise LookupError(f"there is no charge {wanted.charge_id}")
    before = await queries.refunds_of(conn, wanted.charge_id)
    payment, left_cents = _refundable(await queries.payments_of(conn, wanted.charge_id), before)
    amount_cents = left_cents if wanted.amount_cents is None else wanted.amount_cents
    if payment is None or not 0 < amount_cents <= left_cents:
        raise NothingToRefund(f"{left_cents} cents are left of the card payment, {amount_cents} were asked back")
    refund = Refund(
        refund_id=f"refund-{payment.payment_id}-{len(before) + 1}",
        charge_id=wanted.charge_id,
        payment_id=payment.payment_id,
        amount_cents=amount_cents,
        status=RefundStatus.PENDING,
        reason=wanted.reason,
        requested_by=wanted.requested_by,
        gateway_refund_id=None,
        code=None,
        created_at_ms=now_ms,
        settled_at_ms=None,
    )
    await add(conn, refund)
    await jobs.defer(conn, GIVE_REFUND, refund_id=refund.refund_id)
    return refund


async def add(conn: AsyncConnection, refund: Refund) -> None:
    """Write a refund's row."""
    await conn.execute(insert(refunds).values({name: getattr(refund, name) for name in Refund.__dataclass_fields__}))


def _refundable(payments: list[Payment], before: list[Refund]) -> tuple[Payment | None, int]:
    """The card payment with most left to give back, and how much. Money taken on site is given back on site."""
    left = {
        p: p.amount_cents - held_back(before, p.payment_id)
        for p in payments
        if p.kind is PaymentKind.CARD_ON_FILE and p.status is PaymentStatus.SUCCEEDED
    }
    best = max(left, key=lambda p: left[p], default=None)
    return best, 0 if best is None else left[best]


def held_back(before: list[Refund], payment_id: str) -> int:
    """What of a payment is given back already or is on its way."""
    return sum(r.amount_cents for r in before if r.payment_id == payment_id and r.status is not RefundStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Refunder:
    """What the job needs: the database, the gateway and lived time."""

    engine: AsyncEngine
    gateway: Gateway
    clock: Clock

    async def give_refund(self, *, refund_id: str) -> None:
        """Give a refund. Harmless when it runs again or twice at once. Raises GatewayUnavailable: tried again later.

        A gateway that refuses for good (the card's payment has nothing left) fails the refund with its reason.
        """
        async with transaction(self.engine) as conn:
            refund = await queries.refund(conn, refund_id)
            payment = await queries.payment(conn, refund.payment_id) if refund else None
        if refund is None or payment is None or refund.status is not RefundStatus.PENDING or refund.gateway_refund_id:
            return
        try:
            outcome = await self.gateway.refund(
                refund_id, gateway_payment_id=payment.gateway_payment_id or "", amount_cents=refund.amount_cents
            )
        except GatewayRefused as refusal:
            outcome = RefundOutcome(GatewayStatus.FAILED, "", refusal.code)
        async with transaction(self.engine) as conn:
            await record(conn, refund_id, outcome, now_ms=self.clock.now_ms())


async def record(conn: AsyncConnection, refund_id: str, outcome: RefundOutcome, *, now_ms: int) -> None:
    """Book what became of a refund, whoever learned it first: the job or a webhook. One that fails after it was booked
    is reversed."""
    known = await queries.refund(conn, refund_id)
    if known is None:
        raise LookupError(f"there is no refund {refund_id}")
    await queries.charge(conn, known.charge_id, lock=True)
    refund = await queries.refund(conn, refund_id, lock=True) or known
    status = RefundStatus(outcome.status)
    if (refund.status is status and refund.gateway_refund_id) or refund.status is RefundStatus.FAILED:
        return
    if refund.status is RefundStatus.SUCCEEDED and status is RefundStatus.PENDING:
        return
    values = {
        "status": status,
        "gateway_refund_id": outcome.gateway_refund_id or refund.gateway_refund_id,
        "code": outcome.code,
        "settled_at_ms": None if status is RefundStatus.PENDING else now_ms,
    }
    await conn.execute(update(refunds).where(refunds.c.refund_id == refund_id).values(values))
    if status is RefundStatus.SUCCEEDED:
        await ledger.book_refund(conn, refund, at_ms=now_ms)
    elif status is RefundStatus.FAILED:
        await ledger.reverse(conn, f"refund/{refund_id}", charge_id=refund.charge_id, at_ms=now_ms)
