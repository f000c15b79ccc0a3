"""Giving money back to the card it came from. Asked for by a person, done by a job as payments are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud import jobs
from cloud.billing import ledger, queries
from cloud.billing.records import Payment, Refund
from cloud.billing.rules import PaymentKind, PaymentStatus, RefundStatus
from cloud.billing.store import refunds
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayRefused, GatewayUnavailable, RefundOutcome, refund_id_in, refund_outcome
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
    payment, left_cents = refundable(await queries.payments_of(conn, wanted.charge_id), before)
    amount_cents = left_cents if wanted.amount_cents is None else wanted.amount_cents
    if payment is None or not 0 < amount_cents <= left_cents:
        raise NothingToRefund(f"{left_cents} cents are left of the card payment, {amount_cents} were asked back")
    refund = Refund(
        refund_id=free_id(payment, before),
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
    await conn.execute(insert(refunds).values(asdict(refund)))


def free_id(payment: Payment, before: list[Refund]) -> str:
    """An id for one more refund. What was forgotten and told again may have taken the next number already."""
    taken = {r.refund_id for r in before}
    ids = (f"refund-{payment.payment_id}-{number}" for number in count(len(before) + 1))
    return next(refund_id for refund_id in ids if refund_id not in taken)


def refundable(payments: list[Payment], before: list[Refund]) -> tuple[Payment | None, int]:
    """The card payment with most left to give back, and how much. Money taken on site is given back on site."""
    left = {
        p: p.amount_cents - held_back(before, p.payment_id)
        for p in payments
        if p.kind is PaymentKind.CARD_ON_FILE and p.status is PaymentStatus.SUCCEEDED
    }
    best = max(left, key=lambda p: left[p], default=None)
    return best, 0 if best is None else max(0, left[best])


def held_back(before: list[Refund], payment_id: str) -> int:
    """What of a payment is given back already or is on its way."""
    return sum(r.amount_cents for r in before if r.payment_id == payment_id and r.status is not RefundStatus.FAILED)


def given_elsewhere(told: Mapping[str, Any], payment: Payment, *, now_ms: int) -> Refund:
    """A refund that the gateway tells of, in its own fields, and that we do not know: made in its own pages, or asked
    for by us and forgotten with a database that was restored. That one has its own id again."""
    return Refund(
        refund_id=refund_id_in(told) or f"refund-{payment.payment_id}-{told['id']}",
        charge_id=payment.charge_id,
        payment_id=payment.payment_id,
        amount_cents=told["amount"],
        status=RefundStatus.PENDING,
        reason="given back at the gateway",
        requested_by="gateway",
        gateway_refund_id=told["id"],
        code=None,
        created_at_ms=now_ms,
        settled_at_ms=None,
    )


def changed(refund: Refund, outcome: RefundOutcome, *, left_cents: int, now_ms: int) -> Refund | None:
    """A refund after what was learned of it; None: nothing new. What the gateway gives back stands in the place of
    what was asked for.

    It goes from PENDING to SUCCEEDED to FAILED and never back, so the order in which it is learned does not matter.
    One of more than the ``left_cents`` of its charge waits: it takes the place of another that has failed, of which we
    are still to hear.
    """
    if refund.status is RefundStatus.FAILED:
        return None
    amount_cents = refund.amount_cents if outcome.amount_cents is None else outcome.amount_cents
    status = RefundStatus(outcome.status)
    if status is RefundStatus.SUCCEEDED and refund.status is RefundStatus.PENDING and amount_cents > left_cents:
        status = RefundStatus.PENDING
    if refund.status is RefundStatus.SUCCEEDED and status is not RefundStatus.FAILED:
        return None
    return replace(
        refund,
        amount_cents=amount_cents,
        status=status,
        gateway_refund_id=outcome.gateway_refund_id or refund.gateway_refund_id,
        code=outcome.code,
        settled_at_ms=None if status is RefundStatus.PENDING else now_ms,
    )


@dataclass(frozen=True, slots=True)
class Refunder:
    """What the job needs: the database, the gateway and lived time."""

    engine: AsyncEngine
    gateway: Gateway
    clock: Clock

    async def give_refund(self, *, refund_id: str) -> None:
        """Give a refund. Harmless when it runs again or twice at once. A gateway that refuses for good (the card's
        payment has nothing left) fails the refund with its reason.

        Raises GatewayUnavailable when it is not known yet what becomes of it: the job is tried again later, so that a
        webhook that never comes leaves nothing open.
        """
        async with transaction(self.engine) as conn:
            refund = await queries.refund(conn, refund_id)
            payment = await queries.payment(conn, refund.payment_id) if refund else None
        if refund is None or payment is None or refund.status is not RefundStatus.PENDING:
            return
        outcome = await self._ask_gateway(refund, payment.gateway_payment_id or "")
        async with transaction(self.engine) as conn:
            known = await record(conn, refund_id, outcome, now_ms=self.clock.now_ms())
        if known.status is RefundStatus.PENDING:
            raise GatewayUnavailable(f"refund {refund_id} is on its way")

    async def _ask_gateway(self, refund: Refund, gateway_payment_id: str) -> RefundOutcome:
        """The gateway's list is looked at first: it may have been asked before by a database that is lost, and its key
        answers for a day with what was known at first and is forgotten then."""
        try:
            found = await self.gateway.find_refund(
                refund.refund_id, gateway_payment_id=gateway_payment_id, gateway_refund_id=refund.gateway_refund_id
            )
            if found is not None:
                return found
            if refund.gateway_refund_id is not None:
                raise GatewayUnavailable(f"refund {refund.gateway_refund_id} is not in the gateway's list")
            return await self.gateway.refund(
                refund.refund_id, gateway_payment_id=gateway_payment_id, amount_cents=refund.amount_cents
            )
        except GatewayRefused as refusal:
            return RefundOutcome(GatewayStatus.FAILED, "", refusal.code)


async def learn(conn: AsyncConnection, told: Mapping[str, Any], *, now_ms: int) -> None:
    """Book what the gateway tells of a refund, in its own fields, also of one that we do not know: a job then sees it
    to its end. That of a payment which is not known waits in the inbox until the payment is."""
    payment = await queries.payment_at_gateway(conn, told.get("payment_intent") or "")
    if payment is None:
        return
    await queries.charge(conn, payment.charge_id, lock=True)
    refund = given_elsewhere(told, payment, now_ms=now_ms)
    if await queries.refund(conn, refund.refund_id) is None:
        await add(conn, refund)
        await jobs.defer(conn, GIVE_REFUND, refund_id=refund.refund_id)
    await record(conn, refund.refund_id, refund_outcome(told), now_ms=now_ms)


async def learn_all(conn: AsyncConnection, payment: Payment, *, now_ms: int) -> None:
    """Book what was told of a payment's refunds before it was known."""
    for told in await queries.told_refunds(conn, payment.gateway_payment_id or ""):
        await learn(conn, told, now_ms=now_ms)


async def record(conn: AsyncConnection, refund_id: str, outcome: RefundOutcome, *, now_ms: int) -> Refund:
    """Book what became of a refund, whoever learned it first: the job or a webhook. One that fails after it was booked
    is reversed. Returns the refund as it is then."""
    known = await queries.refund(conn, refund_id)
    if known is None:
        raise LookupError(f"there is no refund {refund_id}")
    await queries.charge(conn, known.charge_id, lock=True)
    refund = await queries.refund(conn, refund_id, lock=True) or known
    left = queries.left_to_give_back(await queries.balances_of(conn, refund.charge_id))
    after = changed(refund, outcome, left_cents=sum(left.values()), now_ms=now_ms)
    if after is None:
        return refund
    await conn.execute(update(refunds).where(refunds.c.refund_id == refund_id).values(asdict(after)))
    if after.status is RefundStatus.SUCCEEDED:
        await ledger.book_refund(conn, after, at_ms=now_ms)
    elif after.status is RefundStatus.FAILED:
        await ledger.reverse(conn, f"refund/{refund_id}", charge_id=refund.charge_id, at_ms=now_ms)
    return after
