"""Getting a charge paid: by what was taken on site, and the rest by the customer's card. Writes rows only; the gateway
is called by jobs (``payments.py``)."""

from dataclasses import asdict

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud import jobs
from cloud.billing import bills, ledger, queries
from cloud.billing.records import Charge, Payment
from cloud.billing.rules import LIVE, Account, ChargeStatus, PaymentKind
from cloud.billing.store import payments
from cloud.sessions.store import SitePayment


async def site_payment(conn: AsyncConnection, charge_id: str, paid: SitePayment) -> None:
    """Book money taken at the machine or by an attendant, once. What a card payment under way will settle is left to
    it, so that the same debt is not paid twice."""
    if await queries.charge(conn, charge_id, lock=True) is None:
        raise LookupError(f"there is no charge {charge_id}")
    taken = bills.site_payment(charge_id, paid)
    await conn.execute(insert(payments).values(asdict(taken)).on_conflict_do_nothing())
    payment = await queries.payment(conn, taken.payment_id)
    if payment is not None:
        reserved = await queries.live_cents(conn, charge_id)
        await ledger.book_payment(conn, payment, at_ms=paid.at_ms, reserved_cents=reserved)


async def collect(conn: AsyncConnection, charge: Charge, *, now_ms: int) -> Payment | None:
    """Begin to take from the customer's card what is still owed, unless a payment is under way; the job is written in
    the same transaction. None when there is nothing to take, and the charge is closed, or nobody to take it from."""
    held = await queries.charge(conn, charge.charge_id, lock=True)
    if held is None or held.status is ChargeStatus.PAID:
        return None
    owed = (await queries.balances_of(conn, charge.charge_id)).get(Account.RECEIVABLE, 0)
    if owed <= 0:
        await ledger.close(conn, charge.charge_id, at_ms=now_ms)
        return None
    before = await queries.payments_of(conn, charge.charge_id)
    if held.customer_id is None or any(p.status in LIVE for p in before):
        return None
    attempt = 1 + sum(p.kind is PaymentKind.CARD_ON_FILE for p in before)
    payment = bills.card_payment(charge, owed, attempt=attempt, now_ms=now_ms)
    await conn.execute(insert(payments).values(asdict(payment)))
    await jobs.defer(conn, ledger.PAY_CHARGE, payment_id=payment.payment_id)
    return payment
