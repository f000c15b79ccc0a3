"""The only writer of postings: everything that books money on a charge, in the caller's transaction.

Each function may be called again with the same ids and changes nothing then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud import jobs
from cloud.billing import queries
from cloud.billing.bills import Bill, Transfer, overpaid, payment_transfer
from cloud.billing.records import Charge, Discrepancy, Finding, Payment, Refund, discrepancy
from cloud.billing.rules import Account, ChargeStatus, Posting, refund_postings, reversal, settlement
from cloud.billing.store import charge_lines, charges, discrepancies, payments, postings
from cloud.db import insert_rows

PAY_CHARGE = "pay_charge"
SEND_RECEIPT = "send_receipt"
SEND_PAYMENT_FAILED = "send_payment_failed"
"""Jobs of the notifications, which know billing and are not known by it."""


_CHARGES = insert_rows(charges, "ON CONFLICT DO NOTHING RETURNING charge_id")
_LINES, _POSTINGS, _PAYMENTS = (insert_rows(table) for table in (charge_lines, postings, payments))
_DISCREPANCIES = insert_rows(discrepancies, "ON CONFLICT DO NOTHING")


async def open_charges(conn: AsyncConnection, bills: Iterable[Bill]) -> None:
    """Write what follows from exits, in one statement per kind of row: the charges with all that hangs on them, and
    the jobs. A session that is charged already keeps the charge it has, and nothing of its bill is written."""
    by_id: dict[str, Bill] = {}
    for bill in bills:
        by_id.setdefault(bill.charge.charge_id, bill)
    if not by_id:
        return
    written = set(await conn.scalars(_CHARGES, {"rows": [asdict(bill.charge) for bill in by_id.values()]}))
    fresh = [bill for charge_id, bill in by_id.items() if charge_id in written]
    for statement, rows in (
        (_LINES, [row for bill in fresh for row in _line_rows(bill)]),
        (_POSTINGS, [row for bill in fresh for transfer in bill.transfers for row in _posting_rows(transfer)]),
        (_PAYMENTS, [asdict(payment) for bill in fresh for payment in bill.payments]),
    ):
        if rows:
            await conn.execute(statement, {"rows": rows})
    await note_all(conn, [found for bill in fresh for found in bill.discrepancies])
    await jobs.defer_many(conn, [job for bill in fresh for job in _jobs(bill)])


def _line_rows(bill: Bill) -> list[dict[str, Any]]:
    charge_id = bill.charge.charge_id
    return [
        {"charge_id": charge_id, "line": number, **line.model_dump(mode="json")}
        for number, line in enumerate(bill.lines, 1)
    ]


def _posting_rows(transfer: Transfer) -> list[dict[str, Any]]:
    return [
        {
            "transfer_id": transfer.transfer_id,
            "line": line,
            "charge_id": transfer.charge_id,
            "account": posting.account,
            "amount_cents": posting.amount_cents,
            "at_ms": transfer.at_ms,
        }
        for line, posting in enumerate(transfer.postings, 1)
    ]


def _jobs(bill: Bill) -> list[jobs.Job]:
    if bill.card is not None:
        return [(PAY_CHARGE, {"payment_id": bill.card.payment_id})]
    return [(SEND_RECEIPT, {"charge_id": bill.charge.charge_id})] if bill.wants_receipt else []


async def post(conn: AsyncConnection, transfer: Transfer) -> bool:
    """Write a transfer. False when it is there already, or there is nothing to write. The caller has locked the
    charge."""
    known = select(postings.c.line).where(postings.c.transfer_id == transfer.transfer_id).limit(1)
    if not transfer.postings or await conn.scalar(known) is not None:
        return False
    await conn.execute(_POSTINGS, {"rows": _posting_rows(transfer)})
    return True


async def book_payment(conn: AsyncConnection, payment: Payment, *, at_ms: int, reserved_cents: int = 0) -> None:
    """Money was received: settle what is owed, keep the rest as the customer's, close the charge when nothing is open.

    ``reserved_cents`` of what is owed are left for a payment that is under way. The caller has locked the charge.
    """
    owed = (await queries.balances_of(conn, payment.charge_id)).get(Account.RECEIVABLE, 0)
    split = settlement(payment.amount_cents, owed - reserved_cents)
    if not await post(conn, payment_transfer(payment, split, at_ms=at_ms)):
        return
    for found in overpaid(payment, split):
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
    await post(conn, Transfer(f"refund/{refund.refund_id}", refund.charge_id, at_ms, booked))


async def reverse(conn: AsyncConnection, transfer_id: str, *, charge_id: str, at_ms: int) -> None:
    """Book the opposite of a transfer; nothing when that transfer was never made."""
    rows = await conn.execute(postings.select().where(postings.c.transfer_id == transfer_id).order_by(postings.c.line))
    booked = tuple(Posting(Account(row.account), row.amount_cents) for row in rows)
    await post(conn, Transfer(f"reversal/{transfer_id}", charge_id, at_ms, reversal(booked)))


async def note(
    conn: AsyncConnection,
    found: Finding,
    *,
    now_ms: int,
    charge: Charge | None = None,
    facility_id: str | None = None,
) -> None:
    """Write down what did not come out as it should, once."""
    await note_all(conn, [discrepancy(found, now_ms=now_ms, charge=charge, facility_id=facility_id)])


async def note_all(conn: AsyncConnection, noticed: Sequence[Discrepancy]) -> None:
    """Write down several, each once."""
    if noticed:
        await conn.execute(_DISCREPANCIES, {"rows": [asdict(one) for one in noticed]})
