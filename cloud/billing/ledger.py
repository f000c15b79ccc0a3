"""The only writer of postings: everything that books money on a charge, in the caller's transaction.

Each function may be called again with the same ids and changes nothing then.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud import jobs
from cloud.billing import queries
from cloud.billing.records import Charge, Payment, Refund
from cloud.billing.rules import (
    Account,
    ChargeStatus,
    DiscrepancyKind,
    Posting,
    Postings,
    payment_postings,
    refund_postings,
    reversal,
    settlement,
)
from cloud.billing.store import charges, discrepancies, postings

SEND_RECEIPT = "send_receipt"
SEND_PAYMENT_FAILED = "send_payment_failed"
"""Jobs of the notifications, which know billing and are not known by it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A discrepancy about to be written down; its id makes it be written once."""

    discrepancy_id: str
    kind: DiscrepancyKind
    expected_cents: int
    found_cents: int
    detail: str


async def post(conn: AsyncConnection, transfer_id: str, booked: Postings, *, charge_id: str, at_ms: int) -> bool:
    """Write a transfer. False when it is there already, or there is nothing to write. The caller has locked the
    charge, or has just made it."""
    known = select(postings.c.line).where(postings.c.transfer_id == transfer_id).limit(1)
    if not booked or await conn.scalar(known) is not None:
        return False
    rows = [
        {
            "transfer_id": transfer_id,
            "line": line,
            "charge_id": charge_id,
            "account": posting.account,
            "amount_cents": posting.amount_cents,
            "at_ms": at_ms,
        }
        for line, posting in enumerate(booked, 1)
    ]
    await conn.execute(insert(postings), rows)
    return True


async def book_payment(conn: AsyncConnection, payment: Payment, *, at_ms: int, reserved_cents: int = 0) -> None:
    """Money was received: settle what is owed, keep the rest as the customer's, close the charge when nothing is open.

    ``reserved_cents`` of what is owed are left for a payment that is under way. The caller has locked the charge.
    """
    owed = (await queries.balances_of(conn, payment.charge_id)).get(Account.RECEIVABLE, 0)
    split = settlement(payment.amount_cents, owed - reserved_cents)
    booked = payment_postings(payment.kind, split)
    transfer_id = f"payment/{payment.payment_id}"
    if not await post(conn, transfer_id, booked, charge_id=payment.charge_id, at_ms=at_ms):
        return
    if split.excess_cents:
        found = Finding(
            f"overpaid/{payment.payment_id}",
            DiscrepancyKind.OVERPAID,
            expected_cents=split.applied_cents,
            found_cents=payment.amount_cents,
            detail=f"{payment.kind} of {payment.amount_cents} cents when {split.applied_cents} cents were owed",
        )
        charge = await queries.charge(conn, payment.charge_id)
        await note(conn, found, charge=charge, now_ms=at_ms)
    if owed == split.applied_cents:
        await close(conn, payment.charge_id, at_ms=at_ms)


async def close(conn: AsyncConnection, charge_id: str, *, at_ms: int) -> None:
    """Nothing is owed any more: the charge is paid, and its customer gets a receipt."""
    statement = (
        update(charges)
        .where(charges.c.charge_id == charge_id, charges.c.status == ChargeStatus.OPEN)
        .values(status=ChargeStatus.PAID, paid_at_ms=at_ms)
        .returning(charges.c.customer_id)
    )
    closed = (await conn.execute(statement)).one_or_none()
    if closed is not None and closed.customer_id is not None:
        await jobs.defer(conn, SEND_RECEIPT, charge_id=charge_id)


async def book_refund(conn: AsyncConnection, refund: Refund, *, at_ms: int) -> None:
    """Money went back. The caller has locked the charge."""
    left = queries.left_to_give_back(await queries.balances_of(conn, refund.charge_id))
    booked = refund_postings(refund.amount_cents, left)
    await post(conn, f"refund/{refund.refund_id}", booked, charge_id=refund.charge_id, at_ms=at_ms)


async def reverse(conn: AsyncConnection, transfer_id: str, *, charge_id: str, at_ms: int) -> None:
    """Book the opposite of a transfer; nothing when that transfer was never made."""
    rows = await conn.execute(postings.select().where(postings.c.transfer_id == transfer_id).order_by(postings.c.line))
    booked = tuple(Posting(Account(row.account), row.amount_cents) for row in rows)
    await post(conn, f"reversal/{transfer_id}", reversal(booked), charge_id=charge_id, at_ms=at_ms)


async def note(
    conn: AsyncConnection,
    found: Finding,
    *,
    now_ms: int,
    charge: Charge | None = None,
    facility_id: str | None = None,
) -> None:
    """Write down what did not come out as it should, once."""
    values = {
        "discrepancy_id": found.discrepancy_id,
        "kind": found.kind,
        "facility_id": charge.facility_id if charge else facility_id,
        "session_id": charge.session_id if charge else None,
        "charge_id": charge.charge_id if charge else None,
        "expected_cents": found.expected_cents,
        "found_cents": found.found_cents,
        "detail": found.detail,
        "noticed_at_ms": now_ms,
    }
    await conn.execute(insert(discrepancies).values(values).on_conflict_do_nothing())
