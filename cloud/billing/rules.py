"""How money is booked: balanced double entry in integer cents, derived from what happened, never edited. Pure.

A debit is positive, a credit negative; the postings of one transfer sum to zero. What the customer owes stands on
RECEIVABLE until money settles it. A mistake is mended by the opposite transfer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from shared.rating import Line


class Account(StrEnum):
    RECEIVABLE = "RECEIVABLE"
    """What customers owe us."""
    PARKING_REVENUE = "PARKING_REVENUE"
    CHARGING_REVENUE = "CHARGING_REVENUE"
    TAX_PAYABLE = "TAX_PAYABLE"
    GATEWAY = "GATEWAY"
    """Money that Stripe holds for us."""
    SITE_CASH = "SITE_CASH"
    SITE_CARD = "SITE_CARD"
    CUSTOMER_CREDIT = "CUSTOMER_CREDIT"
    """Money received beyond what was owed: ours to give back."""


EARNED = (Account.PARKING_REVENUE, Account.CHARGING_REVENUE, Account.TAX_PAYABLE)
"""The accounts that a charge credits and a refund takes from, in the order in which odd cents fall."""


class ChargeStatus(StrEnum):
    OPEN = "OPEN"
    PAID = "PAID"


class PaymentKind(StrEnum):
    CARD_ON_FILE = "CARD_ON_FILE"
    SITE_CASH = "SITE_CASH"
    SITE_CARD = "SITE_CARD"


class PaymentStatus(StrEnum):
    """PENDING: not tried. SUBMITTED: the gateway was, or was about to be, asked; it may have taken the money."""

    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"
    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"


LIVE = (PaymentStatus.PENDING, PaymentStatus.SUBMITTED)
"""A payment in one of these may still take money, so no other may be begun for the same charge."""

ACCOUNT_OF_PAYMENT = {
    PaymentKind.CARD_ON_FILE: Account.GATEWAY,
    PaymentKind.SITE_CASH: Account.SITE_CASH,
    PaymentKind.SITE_CARD: Account.SITE_CARD,
}

KIND_OF_METHOD: Mapping[Literal["CASH", "CARD"], PaymentKind] = {
    "CASH": PaymentKind.SITE_CASH,
    "CARD": PaymentKind.SITE_CARD,
}


class RefundStatus(StrEnum):
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class DiscrepancyKind(StrEnum):
    """What did not come out as it should. A person settles it; nothing here moves money by itself."""

    QUOTE_DIFFERS = "QUOTE_DIFFERS"
    """The cloud's charge is not what the lane quoted."""
    LATE_TRANSACTION = "LATE_TRANSACTION"
    """A charging transaction of a session that was charged without it. What it would have added is not charged: the
    driver was let go at the quoted price."""
    UNBILLED_TRANSACTION = "UNBILLED_TRANSACTION"
    """A charging transaction of no session: its energy is charged to nobody."""
    OVERPAID = "OVERPAID"
    """More was received than was owed; the rest stands on CUSTOMER_CREDIT."""
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"
    """The gateway took or gave back money that is not in our books."""


@dataclass(frozen=True, slots=True)
class Posting:
    account: Account
    amount_cents: int


Postings = tuple[Posting, ...]


def earned(lines: Iterable[Line]) -> dict[Account, int]:
    """What a charge earns on each account. A COVERED line takes off what the part before it would have earned."""
    amounts = dict.fromkeys(EARNED, 0)
    part = Account.PARKING_REVENUE
    for line in lines:
        if line.kind == "PARKING":
            part = Account.PARKING_REVENUE
        elif line.kind == "CHARGING":
            part = Account.CHARGING_REVENUE
        amounts[Account.TAX_PAYABLE if line.kind == "TAX" else part] += line.amount_cents
    return amounts


def charge_postings(lines: Iterable[Line]) -> Postings:
    """The customer owes what was earned. Empty when nothing was."""
    amounts = earned(lines)
    return _without_zeros(
        Posting(Account.RECEIVABLE, sum(amounts.values())),
        *(Posting(account, -cents) for account, cents in amounts.items()),
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """Money received against a charge: ``applied_cents`` settles it, ``excess_cents`` is the customer's."""

    applied_cents: int
    excess_cents: int


def settlement(amount_cents: int, open_cents: int) -> Settlement:
    """Split what was received by what is still owed."""
    applied = min(amount_cents, max(0, open_cents))
    return Settlement(applied, amount_cents - applied)


def payment_postings(kind: PaymentKind, split: Settlement) -> Postings:
    """Money came in: it settles the receivable, the rest is owed back."""
    return _without_zeros(
        Posting(ACCOUNT_OF_PAYMENT[kind], split.applied_cents + split.excess_cents),
        Posting(Account.RECEIVABLE, -split.applied_cents),
        Posting(Account.CUSTOMER_CREDIT, -split.excess_cents),
    )


def refund_postings(amount_cents: int, left: Mapping[Account, int]) -> Postings:
    """Money went back through the gateway: first what was the customer's own, then of what is ``left`` earned, in
    proportion, so that tax goes back with the revenue it fell on.

    ``left`` says what may still be given back by account. Odd cents go to the largest fractions; no account gives more
    than it has. Raises ValueError for more than is left altogether.
    """
    total = sum(left.values())
    if not 0 < amount_cents <= total:
        raise ValueError(f"a refund must be above 0 and at most {total} cents, got {amount_cents}")
    credit = min(amount_cents, left.get(Account.CUSTOMER_CREDIT, 0))
    shares = _in_proportion(amount_cents - credit, {account: left.get(account, 0) for account in EARNED})
    return _without_zeros(
        Posting(Account.CUSTOMER_CREDIT, credit),
        *(Posting(account, cents) for account, cents in shares.items()),
        Posting(Account.GATEWAY, -amount_cents),
    )


def reversal(postings: Iterable[Posting]) -> Postings:
    """The opposite transfer: what happened stays on record and counts for nothing."""
    return tuple(Posting(p.account, -p.amount_cents) for p in postings)


def _in_proportion(amount_cents: int, left: Mapping[Account, int]) -> dict[Account, int]:
    """Largest remainders: shares sum to the amount, and none is larger than its part of ``left``."""
    total = sum(left.values())
    if not total:
        return {}
    shares = {account: amount_cents * cents // total for account, cents in left.items()}
    odd = amount_cents - sum(shares.values())
    for account in sorted(left, key=lambda a: amount_cents * left[a] % total, reverse=True)[:odd]:
        shares[account] += 1
    return shares


def _without_zeros(*postings: Posting) -> Postings:
    return tuple(p for p in postings if p.amount_cents)
