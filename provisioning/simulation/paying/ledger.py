"""The cloud's books of money. A model of ``cloud/billing/ledger.py``, ``collecting.py`` and ``queries.py`` around the
cloud's own pure rules; it leaves out receipts and mails.

The tables ``charges``, ``payments``, ``refunds`` and ``transfers`` hold the cloud's own rows by id; of each, the ids of
one charge are found in a table of their own, in the order of their making. A row of ``jobs`` is there until it is done.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from cloud.billing import bills
from cloud.billing.bills import Bill, Transfer
from cloud.billing.ledger import PAY_CHARGE
from cloud.billing.queries import left_to_give_back
from cloud.billing.records import Charge, Finding, Payment, Refund
from cloud.billing.rules import (
    LIVE,
    Account,
    ChargeStatus,
    PaymentKind,
    refund_postings,
    reversal,
    settlement,
)
from cloud.sessions.store import SitePayment
from provisioning.simulation.tables import Transaction


def add(transaction: Transaction, table: str, row_id: str, row: Payment | Refund | Transfer) -> None:
    """Insert a row that belongs to a charge."""
    transaction.put(table, row_id, row)
    of = f"{table} of"
    transaction.put(of, row.charge_id, (*(transaction.get(of, row.charge_id) or ()), row_id))


def of_charge(transaction: Transaction, table: str, charge_id: str) -> list[Any]:
    """The rows of a charge, oldest first."""
    return [transaction.get(table, row_id) for row_id in transaction.get(f"{table} of", charge_id) or ()]


def defer(transaction: Transaction, task: str, row_id: str) -> None:
    """A job, in the transaction that causes it."""
    transaction.put("jobs", (task, row_id), True)


def note(transaction: Transaction, found: Finding) -> None:
    """What a person is to settle, once."""
    if transaction.get("findings", found.discrepancy_id) is None:
        transaction.put("findings", found.discrepancy_id, found)


def open_charge(transaction: Transaction, bill: Bill) -> None:
    """A session that has just ended, with all that hangs on its charge."""
    transaction.put("charges", bill.charge.charge_id, bill.charge)
    for transfer in bill.transfers:
        post(transaction, transfer)
    for payment in bill.payments:
        add(transaction, "payments", payment.payment_id, payment)
    for found in bill.discrepancies:
        transaction.put("findings", found.discrepancy_id, found)
    if bill.card is not None:
        defer(transaction, PAY_CHARGE, bill.card.payment_id)


def balances(transaction: Transaction, charge_id: str) -> Counter[Account]:
    """What stands on each account because of one charge, debit positive."""
    found: Counter[Account] = Counter()
    for transfer in of_charge(transaction, "transfers", charge_id):
        for posting in transfer.postings:
            found[posting.account] += posting.amount_cents
    return found


def post(transaction: Transaction, transfer: Transfer) -> bool:
    """Write a transfer, once. False when it was there, or says nothing."""
    if not transfer.postings or transaction.get("transfers", transfer.transfer_id) is not None:
        return False
    add(transaction, "transfers", transfer.transfer_id, transfer)
    return True


def book_payment(transaction: Transaction, payment: Payment, *, at_ms: int, reserved_cents: int = 0) -> None:
    """Money was received. ``reserved_cents`` of what is owed are left for a payment that is under way."""
    owed = balances(transaction, payment.charge_id)[Account.RECEIVABLE]
    split = settlement(payment.amount_cents, owed - reserved_cents)
    if not post(transaction, bills.payment_transfer(payment, split, at_ms=at_ms)):
        return
    for found in bills.overpaid(payment, split):
        note(transaction, found)
    if owed == split.applied_cents:
        close(transaction, payment.charge_id, at_ms)


def close(transaction: Transaction, charge_id: str, at_ms: int) -> None:
    """Nothing is owed any more."""
    charge: Charge = transaction.get("charges", charge_id)
    if charge.status is ChargeStatus.OPEN:
        transaction.put("charges", charge_id, replace(charge, status=ChargeStatus.PAID, paid_at_ms=at_ms))


def site_payment(transaction: Transaction, charge_id: str, paid: SitePayment) -> None:
    """Money taken on site for a session that was charged without it, once."""
    taken = bills.site_payment(charge_id, paid)
    if transaction.get("payments", taken.payment_id) is not None:
        return
    add(transaction, "payments", taken.payment_id, taken)
    live = [p for p in of_charge(transaction, "payments", charge_id) if p.status in LIVE]
    book_payment(transaction, taken, at_ms=paid.at_ms, reserved_cents=sum(p.amount_cents for p in live))


def collect(transaction: Transaction, charge_id: str, now_ms: int) -> Payment | None:
    """Begin to take what is still owed from the customer's card, unless a payment is under way."""
    charge: Charge = transaction.get("charges", charge_id)
    if charge.status is ChargeStatus.PAID:
        return None
    owed = balances(transaction, charge_id)[Account.RECEIVABLE]
    if owed <= 0:
        close(transaction, charge_id, now_ms)
        return None
    before = of_charge(transaction, "payments", charge_id)
    if charge.customer_id is None or any(p.status in LIVE for p in before):
        return None
    attempt = 1 + sum(p.kind is PaymentKind.CARD_ON_FILE for p in before)
    payment = bills.card_payment(charge, owed, attempt=attempt, now_ms=now_ms)
    add(transaction, "payments", payment.payment_id, payment)
    defer(transaction, PAY_CHARGE, payment.payment_id)
    return payment


def book_refund(transaction: Transaction, refund: Refund, at_ms: int) -> None:
    """Money went back."""
    booked = refund_postings(refund.amount_cents, left_to_give_back(dict(balances(transaction, refund.charge_id))))
    post(transaction, Transfer(f"refund/{refund.refund_id}", refund.charge_id, at_ms, booked))


def reverse(transaction: Transaction, transfer_id: str, at_ms: int) -> None:
    """The opposite of a transfer, if it was ever made."""
    made: Transfer | None = transaction.get("transfers", transfer_id)
    if made is not None:
        post(transaction, Transfer(f"reversal/{transfer_id}", made.charge_id, at_ms, reversal(made.postings)))
